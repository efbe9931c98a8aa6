import type { CopyRows, CopyValue } from "./Copy.ts"
import type { Person } from "./People.ts"
import { type Randomness, pickerOf } from "./Randomness.ts"

const eventType = pickerOf([
  ["UserLoggedIn", 55],
  ["PushTokenAdded", 25],
  ["PreferencesUpdated", 12],
  ["UserUpdated", 8]
])

const settings = Object.fromEntries(
  ["email", "push"].flatMap((channel) =>
    ["Enabled", "Marketing", "Transactional", "Security", "System"].map((name) => [
      channel + name,
      name !== "Marketing"
    ])
  )
)

const detailsOf = (random: Randomness, type: string, at: number): Readonly<Record<string, unknown>> => {
  const time = new Date(at).toISOString()
  if (type === "PushTokenAdded") {
    const token = `APA91b${random.uuid(at).replaceAll("-", "").repeat(4)}`
    return { tokenId: random.uuid(at), token, platform: "android" }
  }
  if (type === "PreferencesUpdated") {
    const stored = { id: random.uuid(at), createdAt: time, updatedAt: time, version: 1 + random.below(9) }
    const hours = { doNotDisturbStart: "22:00:00", doNotDisturbEnd: "07:00:00", frequencyLimit: 50 }
    return { preferences: { ...stored, ...settings, ...hours } }
  }
  return type === "UserUpdated" ? { updatedFields: { first_name: "Ada", last_name: "Lovelace" } } : {}
}

const hour = 3_600_000

/** Published events of the last hours, as they stay in the outbox until its retention is over. None waits. */
export const outboxEvents = (
  random: Randomness,
  count: number,
  users: ReadonlyArray<Pick<Person, "id">>,
  now: number
): CopyRows => {
  const from = now - 160 * hour
  const rows = function* (): Generator<ReadonlyArray<CopyValue>> {
    for (let index = 0; index < count; index++) {
      const at = from + (now - hour - from) * (index / count)
      const user = random.pick(users)
      const type = eventType(random)
      yield [
        random.uuid(at),
        user.id,
        1 + random.below(50),
        type,
        JSON.stringify({ _tag: type, userId: user.id, ...detailsOf(random, type, at) }),
        new Date(at).toISOString(),
        new Date(at + 20).toISOString()
      ]
    }
  }
  return {
    table: "outbox",
    columns: ["id", "user_id", "user_version", "event_type", "payload", "created_at", "published_at"],
    rows: rows()
  }
}
