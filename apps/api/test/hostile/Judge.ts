import { securityHeaders } from "@user-service/api/node/SecurityHeaders"
import type { Answer } from "../TestApi.ts"
import { conforms, declaredBeforeOperations, declaredOf, type Operation } from "./OpenApi.ts"

const failureKeys = ["code", "data", "error", "message", "meta", "success"]
const successKeys = failureKeys.filter((key) => key !== "code")

// Beside the envelope, for clients of SimpleJWT.
const topLevel: Readonly<Record<string, ReadonlyArray<string>>> = { refreshTokens: ["access", "refresh"] }

// What has a format of its own, or may be kept.
const ownFormats = ["/api/", "/.well-known/", "/metrics", "/u/"]
const isPage = ({ path }: Operation): boolean => path.startsWith("/u/")

const isEnveloped = ({ path }: Operation): boolean =>
  path.startsWith("/api/v1/") || !ownFormats.some((start) => path.startsWith(start))

/** What is wrong with the headers that every answer has. */
export const headerProblems = ({ headers }: Answer): ReadonlyArray<string> => [
  ...Object.keys(securityHeaders).flatMap((name) => (headers.get(name) === null ? [`has no ${name}`] : [])),
  ...(/^[\x20-\x7e]{1,128}$/.test(headers.get("x-request-id") ?? "") ? [] : ["has no X-Request-Id"]),
  ...["server", "x-powered-by"].flatMap((name) => (headers.get(name) === null ? [] : [`tells its ${name}`]))
]

/** What keeps the answer from being one of the envelope, where its status is that of a failure. */
export const failureProblems = ({ body, status, text }: Answer): ReadonlyArray<string> =>
  body === undefined || Object.keys(body).toSorted().join() !== failureKeys.join() || body.success !== false
    ? [`${status} is not in the envelope: ${text.slice(0, 200)}`]
    : []

// The request may have come out at no page, whose failures are in the envelope.
const isHtml = (operation: Operation, { headers }: Answer): boolean =>
  isPage(operation) && headers.get("content-type") === "text/html; charset=utf-8"

const bodyless = new Set([204, 304])

const envelopeProblems = (operation: Operation, answer: Answer): ReadonlyArray<string> => {
  if (answer.status >= 400 && !isHtml(operation, answer)) return failureProblems(answer)
  if (!isEnveloped(operation) || bodyless.has(answer.status)) return []
  const keys = [...successKeys, ...(topLevel[operation.id] ?? [])].toSorted()
  return answer.body !== undefined &&
    Object.keys(answer.body).toSorted().join() === keys.join() &&
    answer.body.success === true
    ? []
    : [`${answer.status} is not in the envelope: ${answer.text.slice(0, 200)}`]
}

/** Everything in which the answer is not what the OpenAPI document and the contract say an answer of the operation is. */
export const problemsOf = async (
  operation: Operation,
  answer: Answer,
  // The request may have come out at no operation at all.
  mayMiss: boolean
): Promise<ReadonlyArray<string>> => {
  const { body, headers, status, text } = answer
  const isMiss = mayMiss && isPage(operation) && !isHtml(operation, answer)
  const declared =
    (isMiss ? undefined : declaredOf(operation, status)) ?? (mayMiss ? declaredBeforeOperations(status) : undefined)
  if (declared === undefined || status >= 500) return [`${status} is not to be: ${text.slice(0, 300)}`]
  const { content = {}, headers: declaredHeaders = {} } = declared.response
  const missing = Object.keys(declaredHeaders).filter((name) => headers.get(name) === null)
  const type = headers.get("content-type")
  const isDeclaredType = type === null ? Object.keys(content).length === 0 : Object.hasOwn(content, type)
  const conforming =
    !isDeclaredType || type !== "application/json" || (body !== undefined && (await conforms(declared, type, body)))
  return [
    ...headerProblems(answer),
    ...missing.map((name) => `${status} without ${name}`),
    ...envelopeProblems(operation, answer),
    ...(isDeclaredType ? [] : [`${status} as ${type}`]),
    ...(conforming ? [] : [`${status} with what its schema does not have: ${text.slice(0, 300)}`]),
    ...(bodyless.has(status) && text !== "" ? [`${status} with a body`] : [])
  ]
}
