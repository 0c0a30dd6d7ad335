"""A program that asks an agent and waits for its answer. First: sos join --name asker --role service --project demo"""

from sos.sdk import Agent, NoAnswer

agent = Agent(name="asker")


def main() -> None:
    """Ask the reviewer, a minute at most."""
    try:
        answer = agent.request("reviewer", "please look at the parser", deadline="1m").wait()
    except NoAnswer as error:
        print(f"{error.message}; next: {error.next_step}")
    else:
        print(f"{answer.sender}: {answer.text}")


if __name__ == "__main__":
    main()
