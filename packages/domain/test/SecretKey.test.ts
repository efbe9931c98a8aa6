import { assert, describe, it } from "@effect/vitest"
import { secretKeyProblem } from "@user-service/domain/SecretKey"

describe("secretKeyProblem", () => {
  it.each([
    "",
    "short",
    "x".repeat(64),
    "abababababababababababababababababababab",
    "django-insecure-3k2j5h2k3j5h2k3j5h23kj5h2k3j5h",
    "please-change-me-please-change-me-please",
    "CHANGE_THIS_TO_SOMETHING_SECRET_AND_LONG",
    "your-secret-key-here-your-secret-key-here"
  ])("%j is too weak", (secret) => {
    assert.isString(secretKeyProblem(secret))
  })

  it.each(["f47b1c2e9d3a58067b1c2e9d3a58067f", "Zx8!qP2#mN5$kL9@wR4%tY7^uI1&oA3*"])("%j is strong enough", (secret) => {
    assert.isUndefined(secretKeyProblem(secret))
  })
})
