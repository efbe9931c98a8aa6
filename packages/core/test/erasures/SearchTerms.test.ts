import { assert, describe, it } from "@effect/vitest"
import { termsOf } from "@user-service/core/erasures/SearchTerms"

const id = "0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a66"
const other = "0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a67"
const none = { id, emails: [], username: "bob", phoneNumber: null, deviceTokens: [] }

describe("the terms of a user", () => {
  it("have their kind, each once", () => {
    const token = "fcm:abcdefghijklmnop"
    assert.deepStrictEqual(
      termsOf({
        id,
        emails: ["ada@example.com", "ada@example.com"],
        username: "ada.lovelace",
        phoneNumber: "+44 20 7946 0000",
        deviceTokens: [token, token]
      }),
      [`id:${id}`, "email:ada@example.com", "username:ada.lovelace", "phone:+44 20 7946 0000", `token:${token}`]
    )
  })

  it("leave out short ones", () => {
    assert.deepStrictEqual(termsOf({ ...none, phoneNumber: "12345", deviceTokens: ["{", "x".repeat(19)] }), [
      `id:${id}`
    ])
  })

  it("contain no id of another user", () => {
    const deviceTokens = [other, other.toUpperCase(), `digest-${other}_1`]
    assert.deepStrictEqual(termsOf({ ...none, username: other, deviceTokens }), [`id:${id}`])
  })
})
