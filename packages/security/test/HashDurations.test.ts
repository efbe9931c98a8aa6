import { assert, describe, it } from "@effect/vitest"
import * as HashDurations from "@user-service/security/HashDurations"
import { type HashWork, workOf } from "@user-service/security/PasswordHash"

const bcrypt: HashWork = { kind: "bcrypt", rounds: 1024 }
const pbkdf2: HashWork = { kind: "pbkdf2", rounds: 100_000 }
const minute = 60_000

/** Measured: 100 ms for bcrypt, 50 ms for PBKDF2. */
const measured = () => {
  const durations = HashDurations.make()
  durations.measure({ ...bcrypt, rounds: 256 }, [24, 25, 90])
  durations.measure({ ...pbkdf2, rounds: 10_000 }, [5, 5, 5])
  return durations
}

const assertNear = (actual: number, expected: number) => assert.approximately(actual, expected, expected * 1e-9)

describe("the expected time of a check", () => {
  it("is proportional to the rounds, from the measurement plus a tenth", () => {
    const durations = measured()
    assertNear(durations.expected(bcrypt, 0), 110)
    assertNear(durations.expected({ ...bcrypt, rounds: 4096 }, 0), 440)
    assertNear(durations.expected(pbkdf2, 0), 55)
    assertNear(durations.expected({ ...pbkdf2, rounds: 1_000_000 }, 0), 550)
  })

  it("is zero before the kind was measured, whatever checks were observed", () => {
    const durations = HashDurations.make()
    durations.observe(bcrypt, 100, 0)
    assert.isFalse(durations.knows("bcrypt"))
    assert.strictEqual(durations.expected(bcrypt, 0), 0)
  })

  it("is above the slowest of a few observed checks, and above nearly all of many", () => {
    const durations = measured()
    durations.observe(bcrypt, 130, 0)
    assertNear(durations.expected(bcrypt, 0), 143)
    for (let count = 0; count < 64; count++) durations.observe(bcrypt, count === 30 ? 350 : 130, 0)
    assertNear(durations.expected(bcrypt, 0), 143)
  })

  it("follows the load seen in checks of any kind, and forgets it after five minutes", () => {
    const durations = measured()
    for (let count = 0; count < 10; count++) durations.observe(bcrypt, 200, minute)
    assertNear(durations.expected(pbkdf2, minute), 110)
    assertNear(durations.expected(pbkdf2, 6 * minute), 55)
  })

  it("is at most four times the measurement, and at most ten seconds", () => {
    const durations = measured()
    for (let count = 0; count < 10; count++) durations.observe(bcrypt, 100_000, 0)
    assertNear(durations.expected(bcrypt, 0), 440)
    assertNear(durations.expected(pbkdf2, 0), 220)
    assert.strictEqual(durations.expected({ ...bcrypt, rounds: 2 ** 17 }, 0), 10_000)
  })
})

describe("the work of a hash", () => {
  it.each<[string, HashWork]>([
    ["bcrypt$$2b$10", bcrypt],
    ["bcrypt_sha256$$2b$10$N9qo8uLOickgx2ZMRZoMyeS1jY/8/aqMQQLiPx2ybHRZ4rETRMhOW", bcrypt],
    ["pbkdf2_sha256$100000", pbkdf2],
    ["pbkdf2_sha256$100000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=", pbkdf2]
  ])("%s is told by its beginning", (stored, work) => {
    assert.deepStrictEqual(workOf(stored, 4), work)
  })

  it.each([
    "",
    "!",
    "bcrypt$$2b$31",
    "bcrypt$$2b$03",
    "pbkdf2_sha256$0",
    "pbkdf2_sha256$99999999",
    "argon2$argon2id$v=19"
  ])("of %j, which is checked as a new hash, is the work of a new hash", (stored) => {
    assert.deepStrictEqual(workOf(stored, 4), { kind: "bcrypt", rounds: 16 })
  })
})
