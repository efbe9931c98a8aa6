import { assert, describe, it } from "@effect/vitest"
import { isCommon } from "@user-service/security/CommonPasswords"
import { dictionary } from "@zxcvbn-ts/language-common"

describe("isCommon", () => {
  it.each(["password", "PassWord", "123456789", "trustno1", "qwertyuiop"])("%s is common", (password) => {
    assert.isTrue(isCommon(password))
  })

  it.each(["", "passwords and more", "correct horse battery staple", "123456\npassword", "pässword"])(
    "%j is not common",
    (password) => {
      assert.isFalse(isCommon(password))
    }
  )

  it("every password of the dictionary is found", () => {
    const words = dictionary["passwords-common"]
    assert.isAbove(words.length, 40_000)
    assert.deepStrictEqual(
      words.filter((word, index) => index % 50 === 0 && !isCommon(String(word))),
      []
    )
  })
})
