import fs from 'node:fs';
import os from 'node:os';

const niceness = os.constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * A run leaves the processors to the editor first: a curve is drawn while all of them train. `pid`: a process that has
 * just been started in a session of its own; what it starts inherits it. Where the system forbids it the run is as any
 * other.
 */
export function letOthersFirst(pid: number): void {
  try {
    os.setPriority(pid, niceness);
    // Linux weighs whole sessions against each other (autogroups, sched(7)): a process's own value counts only within.
    fs.writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch {
    // No such right, no such file, or the process has ended.
  }
}
