"""Completion for your shell: commands, their options, and the agents that have a home here.

bash: eval "$(sos completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc, after compinit.
fish: sos completion fish > ~/.config/fish/completions/sos.fish
"""

from __future__ import annotations

from importlib import import_module

from sos.cli import COMMANDS
from sos.cli.command import parser_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = 'eval "$(sos completion bash)"'
AGENTS = 'ls "${SOS_HOME:-$HOME/.sos}/agents" 2>/dev/null'
NAMING = frozenset(("TO", "AGENT"))
"""Metavars in whose place an agent stands."""
NAMED = frozenset(("watch",))
"""Commands whose words begin with an agent, under another metavar."""

BASH = """_sos() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= fixed= agents= each
  if [ "$COMP_CWORD" -eq 1 ]; then words="%(names)s"
  elif [ "$before" = --as ]; then words=$(%(agents)s)
  else case "${COMP_WORDS[1]} $before" in
%(values)s
    *) case ${COMP_WORDS[1]} in
%(cases)s
    esac
    for each in $fixed; do case " ${COMP_WORDS[*]:2:COMP_CWORD-2} " in *" $each "*) fixed= ;; esac; done
    if [ -n "$fixed" ]; then words="$words $fixed"; elif [ -n "$agents" ]; then words="$words $(%(agents)s)"; fi ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _sos sos sos-lifeline"""
BASH_CASE = '    %(name)s) words="%(options)s" fixed="%(fixed)s" agents=%(agents)s ;;'
BASH_VALUE = '    "%(name)s %(option)s") words="%(choices)s" ;;'

ZSH = """_sos() {
  local -a commands; commands=(
%(described)s
  )
  if (( CURRENT == 2 )); then _describe command commands
  elif [[ $words[CURRENT-1] == --as ]]; then compadd -- $(%(agents)s)
  else case $words[2] in
%(cases)s
  esac; fi
}
compdef _sos sos sos-lifeline"""
ZSH_CASE = "    %(name)s) compadd -- %(words)s%(more)s; _default ;;"

FISH_AGENTS = '(ls (test -n "$SOS_HOME"; and echo $SOS_HOME; or echo ~/.sos)/agents 2>/dev/null)'
FISH_NAME = "complete -c sos -n __fish_use_subcommand -f -a %(name)s -d '%(what)s'"
FISH_CASE = "complete -c sos -n '__fish_seen_subcommand_from %(name)s' -a '%(words)s%(more)s'"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos completion`."""
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])


def run(command: Command) -> int:
    """Print the script."""
    shell = command.arguments.shell
    text = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()
    command.out(text, {"id": shell, "script": text})
    return 0


def _actions(name: str) -> list[argparse.Action]:
    return parser_of(name, import_module(f"sos.cli.{name}"))._actions  # noqa: SLF001  # argparse tells it in no other way


def _words(name: str) -> tuple[str, str, bool]:
    """What can follow a command: its options, its fixed words, and whether an agent can."""
    actions = _actions(name)
    options = [option for action in actions for option in action.option_strings if option.startswith("--")]
    fixed = [str(choice) for action in actions for choice in action.choices or () if not action.option_strings]
    agents = name in NAMED or any(action.metavar in NAMING and not action.option_strings for action in actions)
    return " ".join(options), " ".join(fixed), agents


def _cases(template: str, more: str) -> str:
    found = {name: _words(name) for name in COMMANDS}
    rows = [
        template % {"name": name, "words": f"{options} {fixed}".strip(), "more": more * agents}
        for name, (options, fixed, agents) in found.items()
    ]
    return "\n".join(rows)


def _bash() -> str:
    cases, values = [], []
    for name in COMMANDS:
        options, fixed, agents = _words(name)
        cases.append(BASH_CASE % {"name": name, "options": options, "fixed": fixed, "agents": "yes" * agents})
        for action in _actions(name):
            choices = " ".join(map(str, action.choices or ()))
            values += [
                BASH_VALUE % {"name": name, "option": each, "choices": choices} for each in action.option_strings if choices
            ]
    names = " ".join(COMMANDS)
    return BASH % {"names": names, "agents": AGENTS, "cases": "\n".join(cases), "values": "\n".join(values)}


def _zsh() -> str:
    described = "\n".join(f"    '{name}:{what.replace(':', ',')}'" for name, what in COMMANDS.items())
    return ZSH % {"described": described, "agents": AGENTS, "cases": _cases(ZSH_CASE, f" $({AGENTS})")}


def _fish() -> str:
    names = "\n".join(FISH_NAME % {"name": name, "what": what} for name, what in COMMANDS.items())
    last = f"complete -c sos -l as -x -a '{FISH_AGENTS}'"
    return "\n".join([names, _cases(FISH_CASE, f" {FISH_AGENTS}"), last])
