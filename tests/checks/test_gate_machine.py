"""The gate in every order of events: pushes, merges, approvals, config changes, lost and repeated events.

The machine plays GitHub, the people, and the flows of `ghapp` with their database. It calls the real `checks.explain`,
`checks.settle` and `checks.gate`. A tree is the set of changes that it holds. Merging two trees gives their union.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from checks import gate, settle
from checks.explain import Explained, MergedPullRequest, SegmentTrees, Unexplained, cut_segments, explain_push
from tests.checks.gate_world import Applied, Approval, Attempt, Commit, Head, Store, Tree
from tests.examples import examples

HERE = 1


class GateMachine(RuleBasedStateMachine):
    """One branch and its environment."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = {"c0": Commit("c0", None, frozenset(), by_hand=False)}
        self.tip = "c0"
        self.heads: list[Head] = []
        self.pending_pushes: list[str] = []
        self.store = Store(last="c0")
        self.applied: list[Applied] = []
        self.salt = 0
        self.names = 0

    # -- what people do on GitHub

    def _name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def _move(self, tree: Tree, *, by_hand: bool | None = None, delivered: bool) -> str:
        before = self.commits[self.tip]
        sha = self._name("c")
        self.commits[sha] = Commit(sha, self.tip, tree, before.by_hand if by_hand is None else by_hand)
        self.tip = sha
        if delivered:
            self.pending_pushes.append(sha)
        return sha

    @rule()
    def push_by_hand(self) -> None:
        """Somebody pushes a commit of their own."""
        self._move(self.commits[self.tip].tree | {self._name("hand")}, delivered=True)

    @rule()
    def change_the_config_by_hand(self) -> None:
        """The commit turns `apply: manual` on or off. An apply waits for a person if LAST or the tip has it on."""
        tip = self.commits[self.tip]
        self._move(tip.tree | {self._name("config")}, by_hand=not tip.by_hand, delivered=True)

    @rule(back=st.integers(1, 3))
    def force_back(self, back: int) -> None:
        """The branch is forced to an older commit."""
        for _ in range(back):
            self.tip = self.commits[self.tip].parent or self.tip
        self.pending_pushes.append(self.tip)

    @precondition(lambda self: self.commits[self.tip].parent is not None)
    @rule()
    def force_away(self) -> None:
        """The branch is forced to a new commit that has the same parent as the tip."""
        parent = self.commits[self.tip].parent
        assert parent is not None
        self.tip = parent
        self._move(self.commits[parent].tree | {self._name("forced")}, delivered=True)

    @rule()
    def open_pull_request(self) -> None:
        """A pull request starts at the tip."""
        number = len(self.heads) + 1
        tree = self.commits[self.tip].tree | {self._name("change")}
        self.heads.append(Head(number, tree, head_sha=f"h{number}"))

    @precondition(lambda self: any(head.merge_sha is None for head in self.heads))
    @rule(data=st.data())
    def open_pull_request_on_top(self, data: st.DataObject) -> None:
        """A pull request's head contains that of another."""
        below = data.draw(st.sampled_from([head for head in self.heads if head.merge_sha is None]))
        number = len(self.heads) + 1
        self.heads.append(Head(number, below.tree | {self._name("change")}, head_sha=f"h{number}"))

    @precondition(lambda self: any(head.merge_sha is None for head in self.heads))
    @rule(data=st.data(), conclusion=st.sampled_from(["success", "failure", "in_progress"]))
    def plan(self, data: st.DataObject, conclusion: str) -> None:
        """`planward/plan` of a pull request gets a conclusion on the present tip."""
        head = data.draw(st.sampled_from([head for head in self.heads if head.merge_sha is None]))
        head.conclusion, head.base = conclusion, self.tip

    @precondition(lambda self: any(head.merge_sha is None for head in self.heads))
    @rule(data=st.data(), commits=st.integers(1, 3), delivered=st.booleans(), closed=st.booleans())
    def merge(self, data: st.DataObject, commits: int, delivered: bool, closed: bool) -> None:
        """Somebody presses the merge button, even if the check is red.

        The merge makes one commit, or several in a rebase. The event of its push may get lost.
        """
        head = data.draw(st.sampled_from([head for head in self.heads if head.merge_sha is None]))
        tree = self.commits[self.tip].tree | head.tree
        for number in range(commits):
            last = number == commits - 1
            self._move(tree if last else self.commits[self.tip].tree, delivered=delivered and last)
        self._call_merged(head, self.tip)
        for other in self.heads:
            if other.merge_sha is None and other.tree <= head.tree:
                self._call_merged(other, self.tip)  # it came in indirectly
        self._deliver_closed(head, closed)

    @rule(delivered=st.booleans())
    def a_proper_merge(self, delivered: bool) -> None:
        """A pull request is opened, green, and merged, all at once."""
        self.open_pull_request()
        head = self.heads[-1]
        head.conclusion, head.base = "success", self.tip
        self._move(self.commits[self.tip].tree | head.tree, delivered=delivered)
        self._call_merged(head, self.tip)
        self._deliver_closed(head, True)

    @precondition(lambda self: any(head.merge_sha is None for head in self.heads))
    @rule(data=st.data())
    def merge_by_hand_with_more(self, data: st.DataObject) -> None:
        """Somebody pushes a merge of a green head that also contains another change."""
        head = data.draw(st.sampled_from([head for head in self.heads if head.merge_sha is None]))
        head.conclusion, head.base = "success", self.tip
        self._move(self.commits[self.tip].tree | head.tree | {self._name("evil")}, delivered=False)
        self._call_merged(head, self.tip)
        self._deliver_closed(head, True)

    @precondition(lambda self: any(head.merge_sha is None for head in self.heads))
    @rule(data=st.data(), closed=st.booleans())
    def push_a_head(self, data: st.DataObject, closed: bool) -> None:
        """Somebody pushes a pull request's head straight to the branch. GitHub shows the head as the merge commit."""
        head = data.draw(st.sampled_from([head for head in self.heads if head.merge_sha is None]))
        head.conclusion, head.base = "success", self.tip
        sha = self._move(self.commits[self.tip].tree | head.tree, delivered=True)
        head.head_sha = sha
        self._call_merged(head, sha)
        head.passed_when_merged = False  # whatever its check said: nobody pressed the button
        self._deliver_closed(head, closed)

    def _deliver_closed(self, head: Head, closed: bool) -> None:
        if closed:
            head.delivered = True
            self._look()

    def _call_merged(self, head: Head, sha: str) -> None:
        head.merge_sha = sha
        head.passed_when_merged = head.conclusion == "success"
        head.base_when_merged = head.base or "c0"

    @rule()
    def what_is_planned_changes(self) -> None:
        """Something outside of git changes, so the next plan is different."""
        self.salt += 1

    # -- what GitHub delivers to Planward, at any time, twice, or never

    @precondition(lambda self: bool(self.pending_pushes))
    @rule(data=st.data(), again=st.booleans(), lost=st.booleans())
    def tell_push(self, data: st.DataObject, again: bool, lost: bool) -> None:
        sha = data.draw(st.sampled_from(self.pending_pushes))
        if not again:
            self.pending_pushes.remove(sha)
        if not lost:
            self.store.pushes.add(sha)
            self._look()

    @precondition(lambda self: any(head.merge_sha for head in self.heads))
    @rule(data=st.data())
    def tell_closed(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([head for head in self.heads if head.merge_sha])).delivered = True
        self._look()

    @rule()
    def the_time_to_wait_is_over(self) -> None:
        """Planward asks GitHub for merges whose `closed` delivery is missing."""
        if any(attempt.waits for attempt in self.store.of(self.tip)):
            for head in self.heads:
                head.delivered = head.delivered or head.merge_sha is not None
            self._look(waited=True)

    @rule()
    def look_for_no_reason(self) -> None:
        self._look()

    @rule()
    def rerun(self) -> None:
        """Somebody who may apply presses "Re-run": it approves nothing."""
        self._look(rerun=True)

    @rule(other=st.booleans(), data=st.data())
    def approve(self, other: bool, data: st.DataObject) -> None:
        """An authorized person approves the tip or, too late, another commit. The approval names the shown plan."""
        sha = data.draw(st.sampled_from(sorted(self.commits))) if other else self.tip
        if sha != self.tip:
            return  # refused: a button counts only at the tip
        attempts = self.store.of(sha)
        shown = attempts[-1] if attempts and attempts[-1].state == "held" else None
        asked: settle.RequestedAction = "plan" if shown is None else "apply"  # a hold without a plan is planned first
        digests = frozenset[str]() if shown is None else shown.digests
        self.store.approvals.append(Approval(len(self.store.approvals) + 1, sha, asked, digests))
        self._look()

    # -- the flows, as flows/apply/tip.py, stages.py and settle.py do it

    def _chain(self, sha: str) -> list[str]:
        chain: list[str] = []
        at: str | None = sha
        while at is not None:
            chain.append(at)
            at = self.commits[at].parent
        return chain[::-1]

    def _since_last(self) -> list[str] | None:
        chain = self._chain(self.tip)
        return chain[chain.index(self.store.last) + 1 :] if self.store.last in chain else None

    def _history(self) -> settle.History:
        if self.store.last == self.tip:
            return settle.AtLast(adopted=not self.store.last_applied)
        commits = self._since_last()
        if commits is None:
            return settle.Forced()
        explanation = self._explain(commits)
        unexplained = explanation.unexplained if isinstance(explanation, Unexplained) else ()
        return settle.FollowsLast(
            explanation=explanation,
            may_still_arrive=any(not each.candidates or len(each.commits) > 1 for each in unexplained),
        )

    def _explain(self, commits: list[str]) -> Explained | Unexplained:
        known = [head for head in self.heads if head.delivered and head.merge_sha in commits]
        merged = [
            MergedPullRequest(
                number=head.number,
                base_repository_id=HERE,
                base_branch="staging",
                head_sha=head.head_sha,
                merge_sha=head.merge_sha or "",
                merged_by="grace",
                author="ada",
                passed=head.conclusion == "success",
                verdict=head.conclusion,
            )
            for head in known
        ]
        earlier_tips = self.store.pushes | {head.base_when_merged for head in known}
        segments = cut_segments(
            self.store.last, commits, merged, repository_id=HERE, branch="staging", earlier_tips=earlier_tips
        )
        trees = {
            segment.end: SegmentTrees(
                merged={
                    each.number: _id(self.commits[segment.before].tree | self.heads[each.number - 1].tree)
                    for each in segment.candidates
                },
                actual=_id(self.commits[segment.end].tree),
            )
            for segment in segments
        }
        return explain_push(segments, trees)

    def _look(self, *, rerun: bool = False, waited: bool = False) -> None:
        for attempt in self.store.attempts:
            if attempt.state == "unfinished" and attempt.sha != self.tip:
                attempt.state, attempt.waits = "cancelled", False
        attempts = self.store.of(self.tip)
        state: settle.Attempt = attempts[-1].state if attempts else "none"
        acted = max((each.approval for each in attempts if each.state != "unfinished"), default=0)
        found = [each for each in self.store.approvals if each.sha == self.tip and each.number > acted]
        approval = found[-1] if found else None
        decision = settle.decide_tip(
            self._history(), attempt=state, asked=approval.asked if approval else None, rerun=rerun, waited=waited
        )
        if isinstance(decision, settle.LeaveAlone):
            return
        if isinstance(decision, settle.UpToDate):
            for each in attempts:
                each.state = "applied" if each.state == "unfinished" else each.state
            return
        attempt = attempts[-1] if state == "unfinished" else Attempt(self.tip)
        if attempt not in self.store.attempts:
            self.store.attempts.append(attempt)
        attempt.waits = isinstance(decision, settle.Wait)
        if isinstance(decision, settle.HoldTip):
            attempt.state = "unexplained"
        elif isinstance(decision, settle.PlanTip):
            assert approval is not None
            attempt.approval = approval.number
            attempt.state, attempt.digests = "held", frozenset({self._digest()})
        elif isinstance(decision, settle.ApplyTip):
            self._apply(attempt, approval)

    def _digest(self) -> str:
        return f"{self.store.last}..{self.tip}:{self.salt}"

    def _apply(self, attempt: Attempt, approval: Approval | None) -> None:
        before, after = self.commits[self.store.last], self.commits[self.tip]
        digest = self._digest()
        attempt.approval = approval.number if approval else 0
        review: gate.Review = gate.ExplainedMerge()
        if approval is not None:
            review = (
                gate.ApprovedPlan(by="mae", plan_digests=approval.digests)
                if approval.digests
                else gate.ApprovedCommit(by="mae")
            )
        decided = gate.decide_apply(
            run="r",
            environment="staging",
            root_module="network",
            plan_digest=digest,
            errored=False,
            complete=True,
            changes_anything=True,
            review=review,
            by_hand=before.by_hand or after.by_hand,
        )
        if not isinstance(decided, gate.Proceed):
            attempt.state, attempt.digests = "held", frozenset({digest})
            return
        self._check_apply(before, after, approval, digest)
        attempt.state = "applied"
        self.applied.append(Applied(before.sha, after.sha, approval))
        self.store.last, self.store.last_applied = after.sha, True

    # -- what must never happen

    def _check_apply(self, before: Commit, after: Commit, approval: Approval | None, digest: str) -> None:
        assert after.sha == self.tip, "only the tip is applied"
        if before.sha == after.sha:
            assert not self.store.last_applied, "what is applied is applied once"
            assert approval is not None, "what was adopted is applied only for somebody who asks"
        if approval is not None:
            assert approval.sha == after.sha, "an approval is of one commit"
            acted = [each.approval.number for each in self.applied if each.approval is not None]
            assert approval.number not in acted, "an approval is used once"
            assert digest in approval.digests, "what a person let in is the plan that was shown"
        else:
            self._check_explained(before, after)
        if before.by_hand or after.by_hand:
            assert approval is not None, "by hand is by a person"
            assert digest in approval.digests, "by hand is the plan that was shown"

    def _check_explained(self, before: Commit, after: Commit) -> None:
        chain = self._chain(after.sha)
        assert before.sha in chain, "nobody asked for what does not follow LAST"
        since = chain[chain.index(before.sha) + 1 :]
        reviewed: set[str] = set()
        for head in self.heads:
            if head.merge_sha in since:
                reviewed |= head.reviewed(self.commits)
        assert after.tree - before.tree <= reviewed, "every change was seen in a green plan of a merged pull request"

    @invariant()
    def a_tip_that_is_not_applied_waits_or_says_why(self) -> None:
        """An attempt at the tip stays unfinished only while it waits for something."""
        for attempt in self.store.attempts:
            assert attempt.state != "unfinished" or attempt.waits or attempt.sha != self.tip


def _id(tree: Tree) -> str:
    return ",".join(sorted(tree))


GateMachine.TestCase.settings = settings(max_examples=examples(300), stateful_step_count=30)
TestGateMachine = GateMachine.TestCase
