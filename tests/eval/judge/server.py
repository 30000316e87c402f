"""A real HTTP server on this machine that speaks OpenAI's chat completions, and judges that behave in set ways."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-canary-4f1d7c"


@dataclass
class Answer:
    """What the server sends. `text` None: `body` as it is; `cut`: less than the Content-Length says."""

    text: str | None = None
    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b"{}"
    cut: bool = False
    finish: str = "stop"


@dataclass
class Judge:
    """Requests as they arrived; `answers` makes the reply from the question and its number.

    `served`: the content of each request that arrived whole and was not answered with an error: what a server bills.
    """

    answers: Callable
    seen: list = field(default_factory=list)
    served: list = field(default_factory=list)
    names: list = field(default_factory=list)
    keys: set = field(default_factory=set)
    busiest: int = 0
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""
    seconds: float = 0.0
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(answers, *, seconds=0.0, hold_from=None):
    """`answers(question, number)` returns an Answer or the text of one.

    Requests from number `hold_from` on stay unanswered until the judge is released.
    """
    judge = Judge(answers, seconds=seconds)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if len(content) < int(self.headers["Content-Length"]):
                return  # its sender was killed
            body = json.loads(content)
            with judge.lock:
                judge.seen.append(body)
                number = len(judge.seen)
                judge.keys.add(self.headers.get("Authorization"))
                judge.names.append(self.headers["Idempotency-Key"])
                judge.busy += 1
                judge.busiest = max(judge.busiest, judge.busy)
            time.sleep(judge.seconds)
            if hold_from is not None and number >= hold_from:
                judge.released.wait(120)
            answer = judge.answers(body, number)
            answer = Answer(answer) if isinstance(answer, str) else answer
            content = answer.body if answer.text is None else _completion(answer)
            with judge.lock:
                judge.busy -= 1
                if answer.status == 200:
                    judge.served.append(json.dumps(body))
            with suppress(ConnectionError):
                self.send(answer, content)

        def send(self, answer, content):
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + 50 * answer.cut))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    judge.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield judge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _completion(answer):
    message = {"role": "assistant", "content": answer.text}
    usage = {"prompt_tokens": 400, "completion_tokens": 100}
    return json.dumps({"choices": [{"message": message, "finish_reason": answer.finish}], "usage": usage}).encode()


def material(body):
    """The JSON between the fences."""
    content = body["messages"][1]["content"]
    return json.loads(content[content.index("\n") : content.rindex("\n")])


def perfect(body, number):
    """Prefers the answer that says `good`; a tie where both or neither do."""
    turn = material(body)["turns"][-1]
    if "assistant" in turn:
        return "Graded. [[9]]" if "good" in turn["assistant"] else "Graded. [[4]]"
    a, b = ("good" in turn[f"assistant_{letter}"] for letter in "AB")
    return f"It says [[B]] somewhere.\n[[{'C' if a == b else 'A' if a else 'B'}]]"


def always_first(body, number):
    return "The first is better. [[A]]"
