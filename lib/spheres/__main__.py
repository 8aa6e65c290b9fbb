"""`python -m lib.spheres`: Figure 6 at the paper's scale, published with the book.

Two hours of a busy CPU core; every record says how long its networks took.

Stopped, it goes on with the learning rate and norm that it was at.
"""

from lib.spheres.experiments import publish

if __name__ == "__main__":
    publish()
