import type { CopyRows, CopyValue } from "./Copy.ts"
import type { Person } from "./People.ts"
import { type Randomness, pickerOf } from "./Randomness.ts"

const finalStatus = pickerOf([
  ["delivered", 55],
  ["opened", 25],
  ["sent", 12],
  ["bounced", 4],
  ["failed", 3.5],
  ["complained", 0.5]
])
const category = pickerOf([
  ["transactional", 50],
  ["marketing", 30],
  ["system", 15],
  ["security", 5]
])

// What came before the final status, and how many seconds after the decision each came.
const course = { sent: 1, delivered: 4, opened: 900, bounced: 6, failed: 2, complained: 5000 } as const
const before = {
  sent: [],
  delivered: ["sent"],
  opened: ["sent", "delivered"],
  bounced: ["sent"],
  failed: [],
  complained: ["sent", "delivered"]
} as const

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
      const status = finalStatus(random)
      const channel = random.chance(0.6) ? "push" : "email"
      const statuses = [...before[status], status].map((each) => ({ status: each, at: iso(course[each]) }))
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
        iso(course[status]),
        iso(0),
        iso(0),
        0,
        1 + random.below(9),
        50,
        random.below(20),
        JSON.stringify(statuses)
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
