import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Redacted } from "effect"
import { PasswordHasher } from "../PasswordHasher.ts"

// Vectors: pbkdf2_sha256 with 390,000 rounds is from Django's own suite (tests/auth_tests/test_hashers.py), the other
// from Python's hashlib; the bcrypt ones are from glibc's crypt(3), over hashlib's SHA-256 where the scheme asks for it.
const vectors: ReadonlyArray<readonly [password: string, stored: string]> = [
  ["lètmein", "bcrypt_sha256$$2b$04$N9qo8uLOickgx2ZMRZoMyeS1jY/8/aqMQQLiPx2ybHRZ4rETRMhOW"],
  [
    "correct horse battery staple ".repeat(5),
    "bcrypt_sha256$$2b$05$abcdefghijklmnopqrstuur8dPfhqcFoGJUoUXx8VFcyALHhTr/oO"
  ],
  ["lètmein", "bcrypt$$2b$04$N9qo8uLOickgx2ZMRZoMyei93iGHErmPz6oBpKxkP6mSk//LOd/si"],
  ["x".repeat(100), "bcrypt$$2a$04$N9qo8uLOickgx2ZMRZoMyedlslr.Jty7xCSm4JGSxc8PDTmSzo582"],
  ["lètmein", "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="],
  ["école-🔑", "pbkdf2_sha256$2000$saltysalt$3xCntNbgoOkuPEHSf5szC3+woYvrIEYCZa7kh8CEDp0="]
]

const matches = (password: Redacted.Redacted<string>, stored: string) =>
  PasswordHasher.use((hasher) =>
    Effect.map(hasher.verify(password, stored, []), (verification) => verification.matches)
  )

/** The contract of a `PasswordHasher`. `layer` must use bcrypt cost 4, to keep the suite fast. */
export const suite = (name: string, layer: Layer.Layer<PasswordHasher>) =>
  describe(name, () => {
    it.layer(layer)((it) => {
      it.effect("a password verifies against its own hash and no other does", () =>
        Effect.gen(function* () {
          const hasher = yield* PasswordHasher
          const stored = yield* hasher.hash(Redacted.make("correct horse"))
          assert.match(stored, /^bcrypt_sha256\$\$2b\$04\$[./A-Za-z0-9]{53}$/)
          assert.isTrue(yield* matches(Redacted.make("correct horse"), stored))
          assert.isFalse(yield* matches(Redacted.make("correct horsf"), stored))
          assert.isFalse(yield* matches(Redacted.make(""), stored))
        })
      )

      it.effect("the same password hashes differently each time", () =>
        Effect.gen(function* () {
          const hasher = yield* PasswordHasher
          const password = Redacted.make("correct horse")
          assert.notStrictEqual(yield* hasher.hash(password), yield* hasher.hash(password))
        })
      )

      it.effect("passwords that differ only past byte 72, or past a NUL, differ", () =>
        Effect.gen(function* () {
          const hasher = yield* PasswordHasher
          const long = yield* hasher.hash(Redacted.make("é".repeat(40) + "a"))
          assert.isFalse(yield* matches(Redacted.make("é".repeat(40) + "b"), long))
          const nul = yield* hasher.hash(Redacted.make("horse\u0000a"))
          assert.isFalse(yield* matches(Redacted.make("horse\u0000b"), nul))
        })
      )

      it.effect("composed and decomposed accents are the same password", () =>
        Effect.gen(function* () {
          const hasher = yield* PasswordHasher
          const composed = yield* hasher.hash(Redacted.make("caf\u00e9 au lait"))
          assert.isTrue(yield* matches(Redacted.make("cafe\u0301 au lait"), composed))
          const decomposed = yield* hasher.hash(Redacted.make("cafe\u0301 au lait"))
          assert.isTrue(yield* matches(Redacted.make("caf\u00e9 au lait"), decomposed))
        })
      )

      it.effect("a hash that Django made of decomposed accents matches the password as typed", () =>
        Effect.gen(function* () {
          const stored = "pbkdf2_sha256$1000$seasalt$HWdWINvbQIZJrnAOOKV+qObiBOySCBT9kdJm3vTrzoc="
          assert.isTrue(yield* matches(Redacted.make("cafe\u0301 au lait"), stored))
        })
      )

      it.effect.each(vectors)("%s verifies against %s", ([password, stored]) =>
        Effect.gen(function* () {
          assert.isTrue(yield* matches(Redacted.make(password), stored))
          assert.isFalse(yield* matches(Redacted.make(`z${password}`), stored))
        })
      )

      it.effect.each([
        "",
        "!uTnBXtO8ZvZ0zBVzPbGTcJ5MBxmQ8KH2x0d4VyZG",
        "bcrypt_sha256$$2b$04$N9qo8uLOickgx2ZMRZoMyeS1jY/8/aqMQQLiPx2ybHRZ4rETRMhO",
        "bcrypt_sha256$$2b$31$N9qo8uLOickgx2ZMRZoMyeS1jY/8/aqMQQLiPx2ybHRZ4rETRMhOW",
        "pbkdf2_sha256$0$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
        "pbkdf2_sha256$1000$seasalt$",
        "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
        "lètmein"
      ])("nothing verifies against %j", (stored) =>
        Effect.gen(function* () {
          const hasher = yield* PasswordHasher
          assert.isFalse(yield* matches(Redacted.make("lètmein"), stored))
          assert.isTrue(hasher.needsRehash(stored))
        })
      )

      it.effect("an older scheme or a lower cost needs a new hash, the same or a higher cost does not", () =>
        Effect.gen(function* () {
          const hasher = yield* PasswordHasher
          const needing = vectors.map(([, stored]) => hasher.needsRehash(stored))
          assert.deepStrictEqual(needing, [false, false, true, true, true, true])
        })
      )

      it.effect("a decoy costs as much to check as a new hash, and matches nothing", () =>
        Effect.gen(function* () {
          const hasher = yield* PasswordHasher
          const decoy = yield* hasher.decoy
          assert.strictEqual(price(decoy), price(yield* hasher.hash(Redacted.make("any"))))
          assert.notStrictEqual(decoy, yield* hasher.decoy)
          assert.isFalse(yield* matches(Redacted.make(""), decoy))
        })
      )
    })
  })

// The scheme and cost, which determine the time of a check. Undefined if the hash is malformed.
const price = (stored: string): string | undefined =>
  /^bcrypt_sha256\$\$2b(\$\d\d\$)[./A-Za-z0-9]{53}$/.exec(stored)?.[1]
