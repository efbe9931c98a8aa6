import { assert, describe, it } from "@effect/vitest"
import { decoy, workOf } from "@user-service/security/PasswordHash"
import { Effect } from "effect"
import { freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const rounds = 24

/** Schemes whose checks take from 1 to 60 ms. */
const schemes = ["bcrypt_sha256$$2b$04", "bcrypt$$2b$10", "pbkdf2_sha256$100000"]

/** A hash of the scheme that no password matches. */
const hashOf = (scheme: string): string => decoy(workOf(scheme, 4))

interface Attempt {
  readonly email: string
  readonly password: string
}

/**
 * How far the ranks of some values among all are from those of values of the same distribution, in standard deviations
 * (the test of Mann and Whitney). What slows the machine down mixes the ranks of both, and does not part them.
 */
const deviation = (some: ReadonlyArray<number>, others: ReadonlyArray<number>): number => {
  const wins = some.reduce((sum, a) => sum + others.reduce((won, b) => won + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0)
  const [n, m] = [some.length, others.length]
  return (wins - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12)
}

const shuffled = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> =>
  items
    .map((item) => [Math.random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item)

/** The times of refusals by what is refused, each kind tried once a round, in an order of the round's own. */
const timesOf = Effect.fnUntraced(function* (
  kinds: ReadonlyMap<string, () => Attempt>,
  refuse: (attempt: Attempt) => Effect.Effect<void, never, TestApi>
) {
  const times = new Map(Array.from(kinds.keys(), (name) => [name, new Array<number>()]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, attempt] of shuffled([...kinds])) {
      const given = attempt()
      const started = performance.now()
      yield* refuse(given)
      times.get(name)?.push(performance.now() - started)
    }
  }
  return times
})

// Of the same distribution, one in 100,000 is further off. Times that differ are near 5.9: no rank is shared.
const assertAlike = (times: ReadonlyMap<string, ReadonlyArray<number>>): void => {
  const all = [...times]
  const apart = all.flatMap(([name, some], index) =>
    all.slice(index + 1).flatMap(([other, others]) => {
      const far = deviation(some, others)
      return Math.abs(far) < 4.5 ? [] : [`${name} and ${other}: ${far.toFixed(1)}`]
    })
  )
  assert.deepStrictEqual(apart, [])
}

const refuseLogin = Effect.fnUntraced(function* (body: Attempt) {
  const { status } = yield* (yield* TestApi).send("POST", "/api/v1/users/login/", { body })
  assert.strictEqual(status, 401)
})

describe("where hashes of several schemes and costs are stored", { timeout: 600_000 }, () => {
  it.layer(layerEmbedded({ LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("a refused login takes the same time for each, for an unknown e-mail and for a disabled account", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const kinds = new Map<string, () => Attempt>([
          ["unknown e-mail", () => ({ email: freshEmail(), password: "a wrong password" })]
        ])
        for (const scheme of schemes) {
          const { email, id } = yield* api.person()
          yield* api.sql`update users set password_hash = ${hashOf(scheme)} where id = ${id}`
          kinds.set(scheme, () => ({ email, password: "a wrong password" }))
        }
        const { email, id, password } = yield* api.person()
        yield* api.sql`update users set is_active = false where id = ${id}`
        kinds.set("disabled", () => ({ email, password }))
        // The schemes are read once a minute, and were at the start, before these were stored.
        yield* api.pass("1 minute")
        yield* refuseLogin({ email, password })
        assertAlike(yield* timesOf(kinds, refuseLogin))
      })
    )

    it.effect("a refused change of the password takes the same time for each", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const tokens = new Map<string, string>()
        const kinds = new Map<string, () => Attempt>()
        for (const scheme of schemes.slice(0, 2)) {
          const { access, email, id } = yield* api.person()
          yield* api.sql`update users set password_hash = ${hashOf(scheme)} where id = ${id}`
          tokens.set(email, access)
          kinds.set(scheme, () => ({ email, password: "a wrong password" }))
        }
        yield* api.pass("1 minute")
        const refuseChange = Effect.fnUntraced(function* ({ email, password }: Attempt) {
          const { status } = yield* (yield* TestApi).send("POST", "/api/v1/users/change-password/", {
            token: tokens.get(email) ?? "",
            body: { old_password: password, new_password: goodPassword, new_password_confirm: goodPassword }
          })
          assert.strictEqual(status, 422)
        })
        assertAlike(yield* timesOf(kinds, refuseChange))
      })
    )
  })
})
