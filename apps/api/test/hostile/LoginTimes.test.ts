import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { pbkdf2Sync, randomBytes } from "node:crypto"
import { freshEmail, goodPassword, layerEmbedded, TestApi } from "../TestApi.ts"

const tries = 200

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** As Django writes it, at fewer iterations. */
const pbkdf2 = (password: string): string => {
  const salt = randomBytes(12).toString("base64url")
  return `pbkdf2_sha256$100000$${salt}$${pbkdf2Sync(password, salt, 100_000, 32, "sha256").toString("base64")}`
}

/** What stored passwords are hashed with, where it is not what the service itself does. */
const schemes = { bcrypt_sha256: undefined, pbkdf2_sha256: pbkdf2 } as const

/** The time from request to answer, and the work that was done in it; both in milliseconds. */
interface Cost {
  readonly time: number
  readonly work: number
}

// The hashing threads and the database are in this process, so that its work is all there is. Unlike the time it takes,
// it does not hang on what else the machine does.
const login = Effect.fnUntraced(function* (email: string, password: string) {
  const api = yield* TestApi
  const before = process.cpuUsage()
  const started = performance.now()
  const answer = yield* api.send("POST", "/api/v1/users/login/", { body: { email, password } })
  const time = performance.now() - started
  const { system, user } = process.cpuUsage(before)
  const cost: Cost = { time, work: (user + system) / 1000 }
  return { answer, cost }
})

/** Tries to log in to no account, to one with a wrong password, and now and then to one that is disabled, in turn. */
const tryAll = Effect.fnUntraced(function* (hash: (typeof schemes)[keyof typeof schemes]) {
  const api = yield* TestApi
  const [known, disabled] = [yield* api.person(), yield* api.person()]
  yield* api.sql`update users set is_active = false where id = ${disabled.id}`
  // Before the first login: what an unknown account's password is compared with is looked up once.
  if (hash !== undefined) yield* api.sql`update users set password_hash = ${hash(goodPassword)}`
  const costs = { unknown: new Array<Cost>(), known: new Array<Cost>(), disabled: new Array<Cost>() }
  const refusal = (yield* login(freshEmail(), "a wrong password")).answer
  assert.strictEqual(refusal.status, 401)
  const attempt = Effect.fnUntraced(function* (kind: keyof typeof costs, email: string, password: string) {
    const { answer, cost } = yield* login(email, password)
    assert.strictEqual(answer.text, refusal.text)
    costs[kind].push(cost)
  })
  for (let count = 0; count < tries; count++) {
    yield* attempt("unknown", freshEmail(), "a wrong password")
    yield* attempt("known", known.email, "a wrong password")
    if (count % 5 === 0) yield* attempt("disabled", disabled.email, disabled.password)
  }
  const [stored] = yield* api.sql<{ readonly schemes: string }>`
    select string_agg(distinct split_part(password_hash, '$', 1), ',') as schemes from users`
  return { ...costs, schemes: stored?.schemes }
})

const assertAlike = (a: ReadonlyArray<Cost>, b: ReadonlyArray<Cost>): void => {
  const [work, otherWork] = [median(a.map(({ work }) => work)), median(b.map(({ work }) => work))]
  const [time, otherTime] = [median(a.map(({ time }) => time)), median(b.map(({ time }) => time))]
  const measured = `work ${work} and ${otherWork} ms, time ${time} and ${otherTime} ms`
  assert.isBelow(Math.abs(work / otherWork - 1), 0.05, measured)
  // Wide enough for a machine that others use, and too narrow for one that waits where it should work.
  assert.isBelow(Math.abs(time / otherTime - 1), 0.25, measured)
}

describe.each(Object.entries(schemes))("a refused login where hashes are %s", { timeout: 240_000 }, (scheme, hash) => {
  it.layer(layerEmbedded({ LOG_LEVEL: "error", BCRYPT_COST: "10" }), { excludeTestServices: true })((it) => {
    it.effect("costs the same whether there is such an account or not, and whether it is disabled", () =>
      Effect.gen(function* () {
        const { disabled, known, schemes, unknown } = yield* tryAll(hash)
        assert.strictEqual(schemes, scheme)
        assertAlike(known, unknown)
        assertAlike(disabled, unknown)
      })
    )
  })
})
