import { Predicate, Schema } from "effect"

/** A configured engine cannot be used. `problem` is for an operator and contains no credentials. */
export class EngineUnusable extends Schema.TaggedError<EngineUnusable>()("EngineUnusable", {
  /** PostgreSQL, Redis or RabbitMQ. */
  engine: Schema.String,
  /** The environment variable of its address: `REDIS_URL`. */
  variable: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `${this.engine} cannot be used as ${this.variable} says: ${this.problem}`
  }
}

/**
 * Explains a connection error of the system or of TLS, followed by the error's message. Undefined for other errors. An error with several
 * causes, one per address of a host, yields each explanation once.
 */
export const connectionProblem = (cause: unknown): string | undefined => {
  const errors = Predicate.hasProperty(cause, "errors") && Array.isArray(cause.errors) ? cause.errors : [cause]
  const problems = new Set(errors.map(problemOf))
  return problems.has(undefined) ? undefined : [...problems].join("; ")
}

const problemOf = (error: unknown): string | undefined => {
  const code = textOf(error, "code")
  const message = textOf(error, "message")
  const explanation = refusals.find(([pattern]) => pattern.test(code) || pattern.test(message))?.[1]
  if (explanation === undefined) return undefined
  // Omits OpenSSL's messages, which name source files, and Node's advice after the first semicolon.
  const [summary = ""] = code.startsWith("ERR_SSL_") || code === "EPROTO" ? [] : message.split(";")
  const details = [summary, summary.includes(code) ? "" : code].filter((detail) => detail !== "")
  return details.length === 0 ? explanation : `${explanation} (${details.join(", ")})`
}

const textOf = (error: unknown, key: "code" | "message"): string =>
  Predicate.hasProperty(error, key) && Predicate.isString(error[key]) ? error[key] : ""

// Codes of libuv (https://docs.libuv.org/en/v1.x/errors.html) and of Node's TLS ("X509 certificate error codes").
const refusals: ReadonlyArray<readonly [RegExp, string]> = [
  [/^ECONNREFUSED$/, "nothing listens there"],
  [/^(ENOTFOUND|EAI_AGAIN|EAI_NODATA)$/, "the name of the host is not known"],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EINVAL)$/, "there is no way to the host"],
  [/^ETIMEDOUT$|\bETIMEDOUT$/, "no answer in time"],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "its certificate is for another name"],
  [/^CERT_HAS_EXPIRED$/, "its certificate has expired"],
  [/^CERT_NOT_YET_VALID$/, "its certificate is not valid yet"],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|CERT_UNTRUSTED)$/,
    "its certificate is of an authority that is not trusted here; NODE_EXTRA_CA_CERTS names a file with more of them"
  ],
  [/^(CERT|CRL|INVALID_CA|INVALID_PURPOSE|UNABLE_TO|ERROR_IN|HOSTNAME_MISMATCH)/, "its certificate is not accepted"],
  [/^ERR_SSL_WRONG_VERSION_NUMBER$|wrong version number/, "what listens there does not speak TLS"],
  [/^(EPROTO|ERR_SSL_)/, "no TLS connection was agreed on"],
  [/^(ECONNRESET|EPIPE)$/, "the other side closed the connection; perhaps it expects TLS, or expects none"]
]
