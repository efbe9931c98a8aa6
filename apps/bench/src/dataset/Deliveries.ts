import type { CopyRows, CopyValue } from "./Copy.ts"
import type { Person } from "./People.ts"
import { type Randomness, pickerOf } from "./Randomness.ts"

// A status, and how many seconds after the decision it came.
type Change = readonly [status: string, seconds: number]

const sent: Change = ["sent", 1]
const delivered: Change = ["delivered", 4]
const course = pickerOf<ReadonlyArray<Change>>([
  [[sent, delivered], 55],
  [[sent, delivered, ["opened", 900]], 25],
  [[sent], 12],
  [[sent, ["bounced", 6]], 4],
  [[["failed", 2]], 3.5],
  [[sent, delivered, ["complained", 5000]], 0.5]
])
const category = pickerOf([
  ["transactional", 50],
  ["marketing", 30],
  ["system", 15],
  ["security", 5]
])

const day = 86_400_000

/** Finished deliveries of the last 80 days, each with the statuses that came and what its decision was made on. */
export const deliveries = (
  random: Randomness,
  count: number,
  users: ReadonlyArray<Pick<Person, "id">>,
  now: number
): CopyRows => {
  const from = now - 80 * day
  const rows = function* (): Generator<ReadonlyArray<CopyValue>> {
    for (let index = 0; index < count; index++) {
      const at = from + (now - day - from) * (index / count)
      const iso = (seconds: number) => new Date(at + seconds * 1000).toISOString()
      const changes = course(random)
      const [status, lastSeconds] = changes.at(-1) ?? sent
      const channel = random.chance(0.6) ? "push" : "email"
      // The planner must not believe that users are equally busy.
      const user = users[Math.floor(users.length * random.next() ** 1.5)]
      if (user === undefined) throw new RangeError("Deliveries need users")
      yield [
        random.uuid(at),
        random.uuid(at),
        channel === "email" ? 0 : 1,
        user.id,
        channel,
        category(random),
        status,
        status === "bounced" ? "hard" : null,
        status === "bounced" ? "550 5.1.1 no such mailbox" : null,
        iso(0).slice(0, 10),
        status !== "failed" && status !== "bounced",
        iso(0),
        iso(lastSeconds),
        iso(0),
        iso(0),
        0,
        1 + random.below(9),
        50,
        random.below(20),
        JSON.stringify(changes.map(([each, seconds]) => ({ status: each, at: iso(seconds) })))
      ]
    }
  }
  return {
    table: "deliveries",
    columns: (
      "id notification_id place user_id channel category status bounce error charged_on is_charged created_at " +
      "updated_at decided_at send_at utc_offset preferences_version frequency_limit charged_count statuses"
    ).split(" "),
    rows: rows()
  }
}
