"""Start and stop components, remember their identity, and explain why one is not there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from slipway_devcluster import cgroups, process
from slipway_devcluster.errors import ComponentError, DevclusterError
from slipway_devcluster.state import Component, Process, save
from slipway_devcluster.waiting import wait_until


@dataclass(frozen=True)
class Supervisor:
    """Components of one cluster, each with a file in `folder`."""

    folder: Path

    def known(self) -> list[Process]:
        """All components that were started and not stopped, dead ones too."""
        return [Process.model_validate_json(path.read_text()) for path in sorted(self.folder.glob("*.json"))]

    def find(self, name: str) -> Process | None:
        """A started component."""
        path = self._file(name)
        return Process.model_validate_json(path.read_text()) if path.exists() else None

    def running(self, name: str) -> bool:
        """Whether the component runs."""
        found = self.find(name)
        return found is not None and process.alive(found.identity)

    def start(self, component: Component) -> bool:
        """Start the component unless it runs; True if it was started."""
        if self.running(component.name):
            return False
        identity = process.spawn(component.argv, log=component.log, env=component.env)
        if component.cgroup:
            cgroups.join(component.cgroup, identity.pid)
        save(self._file(component.name), Process(component=component, identity=identity))
        return True

    def stop(self, name: str, *, grace: float = 5.0, forget: bool = True) -> None:
        """Stop the component; its file stays when not `forget`, so that `restart` can start it again."""
        found = self.find(name)
        if found is not None:
            process.stop(found.identity, grace=grace)
            if forget:
                self._file(name).unlink(missing_ok=True)

    def restart(self, name: str) -> None:
        """Start a known component again as it was started before; nothing if it runs.

        Raises:
            DevclusterError: no such component was ever started.
        """
        found = self.find(name)
        if found is None:
            raise DevclusterError(f"no component {name!r}; known: {', '.join(p.component.name for p in self.known())}")
        self.start(found.component)

    def check(self, names: Iterable[str]) -> None:
        """Raise ComponentError, with the tail of its log, for the first component that is dead."""
        for name in names:
            found = self.find(name)
            if found is not None and not process.alive(found.identity):
                log = found.component.log
                raise ComponentError(f"{name} ended; tail of {log}:\n{process.log_tail(log)}")

    def wait_ready(self, name: str, ready: Callable[[], bool], *, seconds: float, needs: Iterable[str] = ()) -> None:
        """Wait until `ready()`; a death of the component, or of one it `needs`, ends the wait at once."""
        watched = (*needs, name)

        def condition() -> bool:
            self.check(watched)
            return ready()

        wait_until(
            condition, what=f"answer from {name}", seconds=seconds, every=0.05, explain=lambda: self.explain(name)
        )

    def explain(self, name: str) -> str:
        """The tail of a component's log with its path."""
        found = self.find(name)
        if found is None:
            return f"{name} was not started"
        return f"tail of {found.component.log}:\n{process.log_tail(found.component.log)}"

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"
