import type { Operation } from "./OpenApi.ts"

// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

/**
 * A request to make of an operation. What only the moment knows stands in it in braces: `{{access}}`, `{{refresh}}`,
 * `{{email}}`, `{{password}}` and `{{id}}` of whoever sends it, `{{oneTimeToken}}` for a new one of theirs that fits the
 * operation, `{{key}}` of a service, `{{fresh}}` for an address that nobody has.
 */
export interface Case {
  readonly operation: Operation
  /** What is odd about it. */
  readonly name: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** What has to come of it: any of what is declared where nothing is said. */
  readonly expected?: number | "success" | undefined
  /** Whether the path, as it was altered, may lead to another route or none. */
  readonly mayMiss?: boolean
}

/** A case of an operation that goes without saying. */
export type Part = Omit<Case, "operation">

// What of an example is of no use but to its owner.
const owned: Readonly<Record<string, Json>> = {
  registerUser: { email: "{{fresh}}" },
  login: { email: "{{email}}", password: "{{password}}" },
  changePassword: { old_password: "{{password}}" },
  requestEmailChange: { new_email: "{{fresh}}", password: "{{password}}" },
  confirmPasswordReset: { token: "{{oneTimeToken}}" },
  confirmEmailVerification: { token: "{{oneTimeToken}}" },
  confirmEmailChange: { token: "{{oneTimeToken}}" },
  eraseAccount: { password: "{{password}}" },
  refreshTokens: { refresh: "{{refresh}}" },
  verifyToken: { token: "{{access}}" },
  logout: { refresh: "{{refresh}}" },
  introspectToken: { token: "{{access}}" }
}

/** The example of the operation's body, made fit for whoever sends it. */
export const bodyOf = ({ body, id }: Operation): Json => ({ ...body?.example, ...owned[id] })

const pathOf = ({ path }: Operation): string => path.replace(/\{(?:id|token)\}/, "{{id}}")

const isJson = { "content-type": "application/json" }
/** The header of a form. */
export const isForm = { "content-type": "application/x-www-form-urlencoded" }

const bearer = { authorization: "Bearer {{access}}" }

/** A request that succeeds. */
export const good = (operation: Operation): Part => ({
  name: "as it should be",
  path: pathOf(operation),
  headers: {
    ...(operation.needsToken ? bearer : {}),
    ...(operation.needsKey ? { "x-api-key": "{{key}}" } : {}),
    ...(operation.body === undefined ? {} : isJson),
    ...(operation.form === undefined ? {} : isForm)
  },
  ...(operation.body === undefined ? {} : { body: JSON.stringify(bodyOf(operation)) }),
  ...(operation.form === undefined ? {} : { body: new URLSearchParams(operation.form).toString() }),
  expected: "success"
})
