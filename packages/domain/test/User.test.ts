import { assert, describe, it } from "@effect/vitest"
import { Email } from "@user-service/domain/Email"
import { PhoneNumber, Username, usernameFromEmail, usernameProblem } from "@user-service/domain/User"
import { Arbitrary, Effect, Schema } from "effect"
import { accepts } from "./accepts.ts"

// Addresses of any local part, since most of it is left out of a username.
const anyEmail = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "z", "0", "_", "-", "+", "'", "{", "é", "用"])), {
    minLength: 1,
    maxLength: 20
  }),
  (parts) => Email.make(`${parts.join("")}@example.com`)
)

describe("Username", () => {
  it.effect.each(["a", "Ada", "ada.lovelace@example.com", "a+b-c_d", "42", "a".repeat(150)])(
    "%s is a username, in the case it is given",
    (username) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* Schema.decodeUnknownEffect(Username)(username), username)
      })
  )

  it.effect.each(["", " ", "ada lovelace", "ada\n", "jürgen", "ada/..", "<ada>", "ada\0", "a".repeat(151)])(
    "%j is none",
    (username) =>
      Effect.gen(function* () {
        assert.isFalse(yield* accepts(Username, username))
      })
  )
})

describe("usernameProblem", () => {
  it.each([
    ["admin", "reserved"],
    ["ADMIN", "reserved"],
    ["Root", "reserved"],
    ["support", "reserved"],
    ["postmaster", "reserved"],
    ["No-Reply", "reserved"],
    ["user-service", "reserved"],
    ["user_service", "reserved"],
    ["userservice", "reserved"],
    ["donotreply", "reserved"],
    ["do-not-reply", "reserved"],
    ["superadmin", "reserved"],
    ["sudo", "reserved"],
    ["ops", "reserved"],
    ["mail", "reserved"],
    ["admins", "reserved"],
    ["no.reply", "reserved"],
    ["_admin_", "reserved"],
    ["mailer-daemon", "reserved"],
    ["admin1", undefined],
    ["mailman", undefined],
    ["m.adminson", undefined],
    ["administer", undefined],
    ["constructor", undefined],
    ["ada", undefined],
    ["ada@bücher.example", undefined],
    ["Ada@xn--bcher-kva.example", undefined],
    ["bob@example.com", "not_own_email"],
    ["ada@", "not_own_email"],
    ["@ada", "not_own_email"]
  ])("of %s is %s", (username, problem) => {
    assert.strictEqual(usernameProblem(username, "ada@bücher.example"), problem)
  })
})

describe("usernameFromEmail", () => {
  const attempt = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_000_000_000 }))

  it.prop("is a username for every address and attempt", [anyEmail, attempt], ([email, attempt]) => {
    assert.isTrue(Schema.is(Username)(usernameFromEmail(email, attempt)))
  })

  it.prop("ends in the attempt, so that no two attempts give the same", [anyEmail, attempt], ([email, attempt]) => {
    assert.isTrue(usernameFromEmail(email, attempt + 1).endsWith(String(attempt + 1)))
  })

  it.each([
    ["ada.lovelace@example.com", 0, "ada.lovelace"],
    ["ada@example.com", 1, "ada1"],
    ["ada@example.com", 12, "ada12"],
    ["o'brien@example.com", 0, "obrien"],
    ["jürgen+news@example.com", 0, "jrgen+news"],
    ["用户@example.com", 0, "user"],
    ["用户@example.com", 2, "user2"]
  ] as const)("of %s at attempt %d is %s", (email, attempt, username) => {
    assert.strictEqual<string>(usernameFromEmail(Email.make(email), attempt), username)
  })

  it("a long local part makes room for the number", () => {
    // As accounts had before the length of a local part was checked.
    const email = Email.make(`${"a".repeat(200)}@example.com`, { disableChecks: true })
    assert.strictEqual(usernameFromEmail(email), "a".repeat(150))
    assert.strictEqual(usernameFromEmail(email, 123), `${"a".repeat(147)}123`)
  })
})

describe("PhoneNumber", () => {
  it.effect.each(["1", "+49 (0)30 123-456", "020 7946 0000", "0".repeat(20)])("%s is a phone number", (number) =>
    Effect.gen(function* () {
      assert.isTrue(yield* accepts(PhoneNumber, number))
    })
  )

  it.effect.each(["", "0".repeat(21), "555.1234", "1-800-FLOWERS", "٠١٢", "+49\t30", "+4930\n", "+49\u00a030"])(
    "%j is none",
    (number) =>
      Effect.gen(function* () {
        assert.isFalse(yield* accepts(PhoneNumber, number))
      })
  )
})
