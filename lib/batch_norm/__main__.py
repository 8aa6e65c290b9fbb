"""`python -m lib.batch_norm`: measure section 2 at the paper's scale, in minutes, and publish the records with the book."""

from lib.batch_norm.experiments import publish

if __name__ == "__main__":
    publish()
