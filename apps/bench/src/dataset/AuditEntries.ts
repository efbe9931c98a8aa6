import type { CopyValue } from "./Copy.ts"
import type { Person } from "./People.ts"
import { type Randomness, pickerOf } from "./Randomness.ts"

// How often each action occurs. Those of staff are about others.
const ownAction = pickerOf([
  ["user.logged_in", 52],
  ["push_token.registered", 24],
  ["preferences.updated", 8],
  ["profile.updated", 6],
  ["push_token.deleted", 3],
  ["push_token.updated", 2],
  ["user.password_changed", 1.5],
  ["user.password_reset_requested", 1.5],
  ["user.email_verified", 1],
  ["user.exported", 0.5],
  ["user.email_changed", 0.3],
  ["user.erased", 0.2]
])
const systemAction = pickerOf([
  ["push_token.expired", 70],
  ["push_token.unregistered", 20],
  ["email.suppressed", 10]
])
const staffAction = pickerOf([
  ["user.disabled", 4],
  ["user.enabled", 2],
  ["session.revoked", 5],
  ["preferences.updated", 5],
  ["user.password_reset_requested", 4]
])

const userAgents = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
  "Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
  "okhttp/5.1.0"
]

export const auditColumns = ["id", "user_id", "actor_id", "action", "ip", "user_agent", "details", "created_at"]

const actOf = (random: Randomness, userId: string, staff: ReadonlyArray<string>) => {
  const kind = random.next()
  if (kind < 0.03 && staff.length > 0) {
    // A few members of staff do most of the work.
    const actor = staff[Math.floor(staff.length * random.next() ** 2)] ?? null
    return { actor, action: staffAction(random), isOfSystem: false }
  }
  if (kind < 0.06) return { actor: null, action: systemAction(random), isOfSystem: true }
  return { actor: userId, action: ownAction(random), isOfSystem: false }
}

/**
 * The rows of the audit log, the oldest first, more of them in each later month. A few users have most of the entries: one in a
 * hundred has a tenth of all.
 */
export const auditRows = function* (
  random: Randomness,
  count: number,
  users: ReadonlyArray<Pick<Person, "id" | "role">>,
  times: { readonly from: number; readonly now: number }
): Generator<ReadonlyArray<CopyValue>> {
  const staff = users.filter(({ role }) => role !== null).map(({ id }) => id)
  for (let index = 0; index < count; index++) {
    const at = times.from + (times.now - times.from) * Math.sqrt(index / count)
    // The busy users are spread over those who registered early and late.
    const rank = Math.floor(users.length * random.next() ** 2)
    const user = users[(rank * 7919) % users.length]
    if (user === undefined) throw new RangeError("Audit entries need users")
    const { action, actor, isOfSystem } = actOf(random, user.id, staff)
    yield [
      random.uuid(at),
      user.id,
      actor,
      action,
      isOfSystem ? null : `203.0.${random.below(256)}.${random.below(256)}`,
      isOfSystem ? "" : random.pick(userAgents),
      action === "user.logged_in" ? `{"sessionId": "${random.uuid(at)}"}` : "{}",
      new Date(at).toISOString()
    ]
  }
}
