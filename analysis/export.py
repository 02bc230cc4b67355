"""The logged activations of one site as a NumPy archive: statistics, raw tokens and their ids, with the labels of every axis.

    runner export results/alignment/RUN --site residual --to residual.npz
    numpy.load("residual.npz")["post/raw"]      [layer, domain, token, feature]; NaN where a token was not seen
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def arrays_of(run, site, moments):
    """{"<moment>/<name>": array}: what the site recorded, its axes, and the ids of the probe tokens."""
    import numpy

    found = {}
    for moment in moments:
        if f"activations/{site}" not in run.suites(moment):
            continue
        data = run.activations(moment, site)
        for name, values in data.variables.items():
            found[f"{moment}/{name}"] = values.values.astype(str) if values.dtype == object else values.values
        found[f"{moment}/token_ids"] = numpy.asarray(run.token_ids(moment))
    return found


def main():
    parser = argparse.ArgumentParser(prog="runner export", description="activations of one site as a NumPy archive")
    parser.add_argument("run", type=Path, help="results/<experiment>/<run id>")
    parser.add_argument("--site", required=True)
    parser.add_argument("--moment")
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    import numpy
    from symphony_results import open_run

    try:
        run = open_run(arguments.run)
        found = arrays_of(run, arguments.site, [arguments.moment] if arguments.moment else run.moments())
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"runner export: {error}")
    if not found:
        known = sorted({f"{suite.partition('/')[2]} at {moment}" for moment in run.moments() for suite in run.suites(moment) if suite.startswith("activations/")})
        sys.exit(f"runner export: {run.path}: no activations of {arguments.site!r}{' at ' + arguments.moment if arguments.moment else ''}; "
                 f"there are: {', '.join(known) or 'none'}")
    with open(arguments.to, "wb") as file:
        numpy.savez(file, **found)
    for name, values in found.items():
        print(f"{name}  {list(values.shape)} {values.dtype}")
    print(arguments.to)


if __name__ == "__main__":
    main()
