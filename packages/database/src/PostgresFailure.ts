import { connectionProblem, EngineUnusable } from "@user-service/domain/EngineUnusable"
import { Predicate } from "effect"
import type { SqlError } from "effect/sql"
import { placeOf, type PostgresAddress } from "./PostgresAddress.ts"

/** The error for a PostgreSQL, or a pooler in front of it, that cannot be used at this address. */
export const unusable = ({ variable }: PostgresAddress, problem: string): EngineUnusable =>
  new EngineUnusable({ engine: "PostgreSQL", variable, problem })

/**
 * Explains to an operator why the address cannot be used: the message of the system, TLS or the server, and the remedy if it is
 * known. None of these messages contains a password.
 */
export const unusableBecause = (address: PostgresAddress, error: SqlError.SqlError): EngineUnusable => {
  const { cause } = error.reason
  const failure = {
    code: textOf(cause, "code"),
    // The message of a server may contain anything, even terminal escape sequences.
    words: (textOf(cause, "message") || textOf(cause, "code") || error.reason.message)
      .replaceAll(/[\s\p{Cc}]+/gu, " ")
      .replace(nodeAdvice, "")
  }
  if (failure.words === "Connection timed out")
    return unusable(address, `no answer in time from ${address.hosts.map(placeOf).join(", ")}`)
  const remedy = remedies.find(({ when }) => when(failure))?.advice(address)
  return unusable(
    address,
    remedy === undefined ? (connectionProblem(cause) ?? failure.words) : `${failure.words}; ${remedy}`
  )
}

// Node's advice about certificates, removed because `sslrootcert` is the remedy here.
const nodeAdvice = /; if the root CA is installed locally, .*$/

const textOf = (cause: unknown, key: "message" | "code"): string =>
  Predicate.hasProperty(cause, key) && Predicate.isString(cause[key]) ? cause[key] : ""

interface Failure {
  /** A SQLSTATE (PostgreSQL, appendix A) or an error code of Node. */
  readonly code: string
  readonly words: string
}

/** The settings for a pooler that assigns sessions per transaction. */
export const poolerAdvice =
  "a pooler answers there: name PostgreSQL itself by DATABASE_DIRECT_URL, and set DATABASE_PREPARED_STATEMENTS=off unless " +
  "the pooler keeps prepared statements"

const remedies: ReadonlyArray<{
  readonly when: (failure: Failure) => boolean
  readonly advice: (address: PostgresAddress) => string
}> = [
  {
    when: ({ code }) => code === "3D000",
    advice: ({ database, host, port, user }) => `create it: createdb -h ${host} -p ${port} -U ${user} ${database}`
  },
  {
    when: ({ code }) => code === "53300",
    advice: () => "lower DB_POOL_SIZE, of which each process takes as many, or raise the server's max_connections"
  },
  { when: ({ words }) => words.includes("unsupported startup parameter: options"), advice: () => "leave options out" },
  { when: ({ words }) => words.includes("unsupported startup parameter"), advice: () => poolerAdvice },
  {
    when: ({ words }) => words.endsWith("requested password authentication"),
    advice: ({ variable }) => (variable === "DB_HOST" ? "set DB_PASSWORD" : "there is none in the URL")
  },
  {
    when: ({ code, words }) => code === "28000" && /no encryption|SSL off/.test(words),
    advice: () => "encrypt the connection by sslmode=verify-full or require in the URL"
  },
  {
    when: ({ words }) => words === "The server does not support TLS",
    advice: () => "sslmode=prefer or disable do without it"
  },
  // The client read the first bytes of another protocol as the length of a message.
  {
    when: ({ words }) => words.startsWith("Message length"),
    advice: () => "another server than PostgreSQL answers there"
  },
  {
    when: ({ code }) => /SELF_SIGNED|^UNABLE_TO_(?:GET_ISSUER|VERIFY)/.test(code),
    advice: () => "name the file with the certificate of its authority by sslrootcert in the URL"
  }
]
