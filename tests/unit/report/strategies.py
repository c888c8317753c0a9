"""Hypothesis strategies for diagnoses: any graph at all, and cycles as a diagnosis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

from lab.model import Actor, Diagnosis, Edge, Evidence, NoHolder, Resource, SourceLine
from lab.scenario import Cause

names = st.text(max_size=40)
lines = st.builds(SourceLine, file=st.text(max_size=30), line=st.integers(1, 99_999))


def actor(number: int, label: str) -> Actor:
    return Actor(id=f"7/{number}", label=label, pid=7, tid=number)


def resource(number: int, name: str) -> Resource:
    return Resource(id=f"r{number}", kind="threading.Lock", name=name, identity=f"0x{number:x}")


@st.composite
def rings(draw: st.DrawFn) -> Diagnosis:
    """Return one cycle of 1 to 12 actors, and up to 5 more that wait for something in it."""
    size, more = draw(st.integers(1, 12)), draw(st.integers(0, 5))
    at = draw(lines)
    edges = [
        Edge(
            waiter=f"7/{i}",
            resource=f"r{i}",
            at=at,
            evidence=Evidence.SOURCE,
            because="",
            holder=f"7/{(i + 1) % size}",
            held_at=at,
        )
        for i in range(size)
    ]
    for extra in range(size, size + more):
        wanted = draw(st.integers(0, size - 1))
        edges.append(
            Edge(
                waiter=f"7/{extra}",
                resource=f"r{wanted}",
                at=at,
                evidence=Evidence.NAME_ONLY,
                because="",
                holder=f"7/{(wanted + 1) % size}",
            )
        )
    return Diagnosis(
        cause=Cause.LOCK_CYCLE,
        headline="stuck",
        actors=tuple(actor(i, f"worker-{i}") for i in range(size + more)),
        resources=tuple(resource(i, "lock") for i in range(size)),
        edges=tuple(edges),
        cycles=(tuple(f"7/{i}" for i in range(size)),),
    )


@st.composite
def any_diagnosis(draw: st.DrawFn, text: st.SearchStrategy[str] = names) -> Diagnosis:
    """Return a diagnosis that need not make sense: unknown ids, odd cycles, any text."""
    actors = [actor(i, draw(text)) for i in range(draw(st.integers(0, 5)))]
    resources = [resource(i, draw(text)) for i in range(draw(st.integers(0, 4)))]
    actor_ids = st.sampled_from([each.id for each in actors] + ["9/9"])
    edges = st.builds(
        Edge,
        waiter=actor_ids,
        resource=st.sampled_from([each.id for each in resources] + ["r99"]),
        at=lines,
        evidence=st.sampled_from(Evidence),
        because=text,
        holder=st.none() | actor_ids,
        held_at=st.none() | lines,
        no_holder=st.none() | st.sampled_from(NoHolder),
    )
    return Diagnosis(
        cause=draw(st.sampled_from(Cause)),
        headline=draw(text),
        story=tuple(draw(st.lists(text, max_size=2))),
        actors=tuple(actors),
        resources=tuple(resources),
        edges=tuple(draw(st.lists(edges, max_size=6))),
        cycles=tuple(draw(st.lists(st.lists(actor_ids, max_size=4).map(tuple), max_size=2))),
        unknowns=tuple(draw(st.lists(text, max_size=1))),
    )
