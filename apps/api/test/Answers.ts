import { assert } from "@effect/vitest"
import { type FailureCode, noPage, type Problems } from "@user-service/schema/Envelope"
import type { Answer } from "./TestApi.ts"

/** A UUID of version 7, the form of all ids of the service. */
export const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A time in its wire format. */
export const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Asserts the status and the whole envelope of a success. */
export const assertSuccess = (answer: Answer, status: number, message: string, data: unknown): void => {
  assert.deepStrictEqual(
    { status: answer.status, body: answer.body },
    { status, body: { success: true, message, data, error: null, meta: noPage } }
  )
  assert.strictEqual(answer.headers.get("content-type"), "application/json")
}

/** Asserts a success in the envelope, and returns its data. */
// oxlint-disable-next-line typescript/no-explicit-any
export const successData = (answer: Answer, status: number, message: string): any => {
  assertSuccess(answer, status, message, answer.body?.data)
  assert.isDefined(answer.body.data)
  return answer.body.data
}

/** Asserts a page of a list, and returns its items. */
export const pageOf = (
  answer: Answer,
  message: string,
  meta: Partial<typeof noPage>
  // oxlint-disable-next-line typescript/no-explicit-any
): ReadonlyArray<any> => {
  const first = { total: 0, limit: 10, page: 1, total_pages: 0, has_next: false, has_previous: false }
  assert.isArray(answer.body?.data)
  assert.deepStrictEqual(
    { status: answer.status, body: answer.body },
    { status: 200, body: { success: true, message, data: answer.body.data, error: null, meta: { ...first, ...meta } } }
  )
  return answer.body.data
}

/** Asserts the status, the whole envelope and the `WWW-Authenticate` header of a failure. */
export const assertFailure = (
  answer: Answer,
  status: number,
  code: FailureCode,
  message: string,
  data: unknown = null,
  error = message
): void => {
  assert.deepStrictEqual(
    { status: answer.status, body: answer.body },
    { status, body: { success: false, message, data, error, code, meta: noPage } }
  )
  assert.strictEqual(answer.headers.get("content-type"), "application/json")
  assert.strictEqual(
    answer.headers.get("www-authenticate"),
    status === 401 ? `Bearer realm="user-service"` : null,
    "every 401 says how to authenticate, and nothing else does"
  )
}

/** Asserts a 422 with exactly these problems. */
export const assertInvalid = (answer: Answer, problems: Problems): void =>
  assertFailure(answer, 422, "validation_failed", "Invalid input data", problems, "Validation failed")

/** Asserts the 401 of a request without a credential, or with a malformed one. */
export const assertUnauthenticated = (answer: Answer): void =>
  assertFailure(answer, 401, "authentication_required", "Authentication credentials were not provided")

export const assertTokenInvalid = (answer: Answer): void =>
  assertFailure(answer, 401, "token_invalid", "Token is invalid")

export const assertTokenExpired = (answer: Answer): void =>
  assertFailure(answer, 401, "token_expired", "Token has expired")

/** Asserts a pair of tokens with these lifetimes in seconds. The refresh token may be up to two seconds older. */
export const assertTokens = (tokens: Answer["body"], access = 3600, refresh = 604_800): void => {
  const { access_expires_in, refresh_expires_in, ...pair } = tokens
  assert.deepStrictEqual(Object.keys(pair).toSorted(), ["access", "refresh"])
  for (const token of Object.values(pair)) assert.match(String(token), /^[\w-]+\.[\w-]+\.[\w-]+$/)
  assert.strictEqual(access_expires_in, access)
  assert.include([refresh, refresh - 1, refresh - 2], refresh_expires_in)
}
