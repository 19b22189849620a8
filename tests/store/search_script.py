"""The search of `nets` as a program: the directory of a store, then the file for its results."""

import json
import sys
from pathlib import Path

from tests.store import nets

if __name__ == "__main__":
    done = nets.search(sys.argv[1])
    found = {**nets.results(done), "trained": nets.n_trained(done)}
    Path(sys.argv[2]).write_text(json.dumps(found))
