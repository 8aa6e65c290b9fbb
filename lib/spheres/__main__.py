"""`python -m lib.spheres`: Figure 6 at the paper's scale, in half an hour of a CPU core, published with the book.

Stopped, it goes on with the learning rate and norm that it was at.
"""

from lib.spheres.experiments import publish

if __name__ == "__main__":
    publish()
