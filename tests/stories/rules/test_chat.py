"""Chat is notified when an apply ended or waits, and when a promotion is decided: once, without delaying anything."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.stories.line import Line
from tests.stories.rules.saying import green, held, refused
from tests.stories.rules.test_holds import proposed_from_fork
from tests.stories.story import Story
from tests.stories.waiting import eventually


class Chat:
    """A chat room that keeps its messages in `said`. It answers the first requests with the statuses in `refusals`."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.refusals: list[int] = []
        self.asked = 0
        self.url = ""

    def wait_for(self, words: str, *, times: int = 1) -> str:
        """Wait for `times` messages that contain these words; returns the newest."""

        def found() -> str | None:
            fitting = [text for text in self.said if words in text]
            return fitting[-1] if len(fitting) >= times else None

        text: str = eventually(found, f"chat is told {words!r}")
        return text


@contextmanager
def chat_room() -> Iterator[Chat]:
    """Serve on loopback as an incoming webhook."""
    chat = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            chat.asked += 1
            status = chat.refusals.pop(0) if chat.refusals else 200
            if status == 200:
                chat.said.append(json.loads(body)["text"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 503:
                self.send_header("Retry-After", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    chat.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def story_with(
    line: Line,
    chat: Chat,
    *,
    on: str = "failed, waiting, applied, promotion",
    more: str = "",
    testing: bool = False,
) -> Story:
    """A story whose config names the chat by a secret in Vault; `more` are further lines of the config."""
    config = f'notify:\n  - {{url: "vault:kv/{{team}}/chat#url", on: [{on}]}}\n{more}'
    story = line.story(config=config, testing=testing)
    line.bao.put(f"kv/{story.team}/chat", url=chat.url)
    return story


def test_an_apply_and_a_promotion_are_notified_once_each_with_links_and_counts_even_if_chat_was_down(
    line: Line,
) -> None:
    with chat_room() as chat, chat_room() as other:
        other_chat = '  - {url: "vault:kv/{team}/other-chat#url", on: [failed]}\n'
        story = story_with(line, chat, more=other_chat)
        line.bao.put(f"kv/{story.team}/other-chat", url=other.url)
        chat.refusals = [503]
        number = story.propose(title="Widen <the> net & more")
        green(story.planned(number))
        story.land(number, "squash")  # a chat that is down delays and fails nothing
        assert story.size("staging") == 2
        text = chat.wait_for("Applied to staging")
        assert chat.asked == 2
        assert "Applied to staging: 1 added" in text
        assert f"#{number} Widen &lt;the&gt; net &amp; more" in text
        promotion = story.open("staging", "production", title="Promote")
        green(story.planned(promotion))
        told = chat.wait_for("The promotion to production may be merged")
        assert f"#{promotion} Promote" in told
        assert "staging: applied at" in told
        story.rerun(story.planned(promotion))
        green(story.planned(promotion, count=2))
        story.quiet()
        assert len(chat.said) == 2
        held(story.applied(story.commit("staging", story.network(4))))
        chat.wait_for("The apply in staging waits for a person")
        story.quiet()
        assert other.asked == 0  # its config lists none of these occasions


def test_chat_gets_one_message_for_each_held_head_and_each_failed_apply_but_none_for_a_failed_plan(
    line: Line,
) -> None:
    with chat_room() as chat:
        story = story_with(line, chat)
        number, _ = proposed_from_fork(story)
        held(story.planned(number))
        assert "The plan in staging waits for a person" in chat.wait_for("comes from a fork")
        story.rerun(story.planned(number))
        held(story.planned(number, count=2))
        story.quiet()
        assert len(chat.said) == 1
        story.edit(number, state="closed")

        fails = 'resource "terraform_data" "no" {\n  provisioner "local-exec" {\n    command = "false"\n  }\n}\n'
        number = story.propose(
            {"network/no.tf": fails, "network/wrong.tf": 'output "wrong" {\n  value = local.no\n}\n'}
        )
        refused(story.planned(number))
        story.commit("topic", {"network/wrong.tf": None})
        green(story.planned(number))
        refused(story.applied(story.merge(number)))
        told = chat.wait_for("Apply to staging failed")
        assert "network in staging: apply failed after 1 of 2 changes: local-exec provisioner error" in told
        assert "1 applied, 1 failed" in told
        assert f"#{number} Change" in told
        story.quiet()
        assert len(chat.said) == 2
