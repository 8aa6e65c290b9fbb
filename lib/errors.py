"""What every error of the library has in common that is no mistake in its code."""


class UserError(RuntimeError):
    """Something that whoever runs this can change: the message says what was wrong and what to do."""
