"""Reads a list of argument lists from standard input and says of each what vLLM makes of it here.

Like parse-arguments.py, and one step further: the configuration of the engine, which the platform
checks, is made of the arguments. Nothing is loaded. Output: one JSON line for each, null or the complaint.
"""

import json
import sys

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.utils.argparse_utils import FlexibleArgumentParser


def main() -> None:
    parser = FlexibleArgumentParser()
    serve = ServeSubcommand()
    serve.subparser_init(parser.add_subparsers())
    for words in json.load(sys.stdin):
        print(json.dumps(complaint(parser, words)), flush=True)


def complaint(parser: FlexibleArgumentParser, words: list[str]) -> str | None:
    arguments = parser.parse_args(["serve", *words])
    arguments.model = arguments.model_tag or arguments.model
    try:
        AsyncEngineArgs.from_cli_args(arguments).create_engine_config()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


main()
