"""Reads a list of argument lists from standard input and says of each what vLLM's own parser says.

Output: one JSON line for each, null or the complaint.
"""

import contextlib
import io
import json
import sys

from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.utils.argparse_utils import FlexibleArgumentParser


def main() -> None:
    parser = FlexibleArgumentParser()
    serve = ServeSubcommand()
    serve.subparser_init(parser.add_subparsers())
    for words in json.load(sys.stdin):
        print(json.dumps(complaint(parser, serve, words)), flush=True)


def complaint(parser: FlexibleArgumentParser, serve: ServeSubcommand, words: list[str]) -> str | None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            arguments = parser.parse_args(["serve", *words])
            serve.validate(arguments)
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]
    except Exception as error:  # what validation raises ends the server too
        return f"{type(error).__name__}: {error}"
    return None


main()
