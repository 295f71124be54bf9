"""Results: tables in markdown for people, rows in JSON for programs."""

import json


class Report:
    def __init__(self):
        self.lines, self.results, self.failures = [], {}, []

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def table(self, name: str, title: str, columns, rows):
        """Rows are tuples of what stands in the columns."""
        self.say(f"### {title}\n")
        self.say("| " + " | ".join(columns) + " |")
        self.say("|" + "---|" * len(columns))
        for row in rows:
            self.say("| " + " | ".join(map(str, row)) + " |")
        self.say()
        self.results.setdefault(name, []).append({"title": title, "rows": [dict(zip(columns, row)) for row in rows]})

    def check(self, holds: bool, text: str):
        """Says what does not hold; the whole test then fails."""
        if not holds:
            self.failures.append(text)
            self.say(f"FAILED {text}")

    def write(self, markdown, machine_readable):
        if markdown:
            with open(markdown, "w", encoding="utf-8") as stream:
                stream.write("\n".join(self.lines) + "\n")
        if machine_readable:
            with open(machine_readable, "w", encoding="utf-8") as stream:
                json.dump({"results": self.results, "failures": self.failures}, stream, indent=1)


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


def mib(size: float) -> str:
    return f"{size / (1 << 20):.2f} MiB"
