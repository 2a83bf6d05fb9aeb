"""Call functions of one of the three libraries on a file, one a line of the input: ``python run.py ndb library.db``.

A line is the function and its arguments, as a list in JSON: ``["lend", "QA76", "Eve"]``.  So are the results.
"""

import importlib
import json
import sys


def main(stage, file):
    """*stage*: db, half or ndb."""
    library = importlib.import_module(f"library_{stage}")
    with library.client(file) as client:
        for line in sys.stdin:
            function, *arguments = json.loads(line)
            with client.context():  # one for each request
                print(json.dumps(getattr(library, function)(*arguments)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
