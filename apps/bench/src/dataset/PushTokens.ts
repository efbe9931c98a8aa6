import { createHash } from "node:crypto"
import type { CopyRows, CopyValue } from "./Copy.ts"
import type { Person } from "./People.ts"
import { type Randomness, pickerOf } from "./Randomness.ts"

const kind = pickerOf([
  [{ platform: "android", tokenType: "fcm", device: "Pixel 10" }, 55],
  [{ platform: "ios", tokenType: "apns", device: "iPhone 17" }, 30],
  [{ platform: "web", tokenType: "fcm", device: "Firefox" }, 15]
])

const sha256 = (text: string): Uint8Array => createHash("sha256").update(text).digest()

/** The push tokens: most users have one or two, a few have many, and a third has none. A twentieth of the tokens is not live. */
export const pushTokens = (
  random: Randomness,
  count: number,
  users: ReadonlyArray<Pick<Person, "id">>,
  times: { readonly from: number; readonly now: number }
): CopyRows => {
  const rows = function* (): Generator<ReadonlyArray<CopyValue>> {
    for (let index = 0; index < count; index++) {
      const createdAt = times.from + (times.now - times.from) * Math.sqrt(index / count)
      const usedAt = times.now - (times.now - createdAt) * random.next() ** 2
      const user = users[Math.floor(users.length * 0.67 * random.next() ** 1.2)]
      if (user === undefined) throw new RangeError("Push tokens need users")
      const { device, platform, tokenType } = kind(random)
      const id = random.uuid(createdAt)
      const digits = (id + random.uuid(createdAt)).replaceAll("-", "")
      // As long as tokens of APNs and of FCM.
      const token = tokenType === "apns" ? digits : `${digits.slice(0, 32)}:APA91b${digits.slice(32).repeat(4)}`
      yield [
        id,
        user.id,
        token,
        sha256(token),
        platform,
        tokenType,
        random.uuid(createdAt),
        device,
        !random.chance(0.05),
        new Date(usedAt).toISOString(),
        new Date(createdAt).toISOString(),
        new Date(usedAt).toISOString()
      ]
    }
  }
  return {
    table: "push_tokens",
    columns: (
      "id user_id token token_sha256 platform token_type device_id device_name is_active last_used_at created_at " +
      "updated_at"
    ).split(" "),
    rows: rows()
  }
}
