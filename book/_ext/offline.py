"""Pages ask for nothing that needs a network: the scripts that would fetch a kernel's are left out.

Jupyter Book always loads sphinx-thebe, for buttons that this book has not; its script also reports an error on every page of
a notebook.
"""


def without_thebe(app, config):
    for event in ("env-before-read-docs", "doctree-resolved"):
        listeners = app.events.listeners[event]
        listeners[:] = [listener for listener in listeners if listener.handler.__module__ != "sphinx_thebe"]


def setup(app):
    app.connect("config-inited", without_thebe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
