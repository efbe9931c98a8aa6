import { Predicate, Result } from "effect"
import { X509Certificate } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { type ConnectionOptions, getCACertificates } from "node:tls"

/**
 * Whether the connection is encrypted, and what is checked of the server's certificate: nothing (`prefer`, `require`), its
 * authority (`verify-ca`), or its authority and host name (`verify-full`). `prefer` falls back to an unencrypted connection.
 */
export type PostgresTls =
  | { readonly mode: "disable" | "prefer" | "require" }
  /** `ca`: the trusted authorities. Those of Node when undefined. */
  | { readonly mode: "verify-ca" | "verify-full"; readonly ca: ReadonlyArray<string> | undefined }

/**
 * Interprets `sslmode` and `sslrootcert` as libpq does (PostgreSQL 17, section 32.19), except that the connection is not
 * encrypted without `sslmode`. A failure describes the mistake.
 */
export const tlsOf = (parameters: {
  readonly mode: string | undefined
  readonly rootCertificates: string | undefined
}): Result.Result<PostgresTls, string> =>
  Result.gen(function* () {
    const { mode = parameters.rootCertificates === "system" ? "verify-full" : "disable", rootCertificates } = parameters
    const ca = rootCertificates === undefined ? undefined : yield* readCertificates(rootCertificates)
    switch (mode) {
      case "disable":
      case "prefer":
        return ca === undefined
          ? { mode }
          : yield* Result.fail("must have sslmode=verify-full, verify-ca or require for its sslrootcert to be used")
      case "require":
        return ca === undefined ? { mode } : { mode: "verify-ca", ca }
      case "verify-ca":
        return ca === undefined || rootCertificates === "system"
          ? yield* Result.fail("must name a file as sslrootcert with sslmode=verify-ca; verify-full needs none")
          : { mode, ca }
      case "verify-full":
        return { mode, ca }
      default:
        return yield* Result.fail("must have an sslmode of disable, prefer, require, verify-ca or verify-full")
    }
  })

const readCertificates = (path: string): Result.Result<ReadonlyArray<string>, string> => {
  if (path === "system") return Result.succeed(getCACertificates("system"))
  const read = Result.try({
    // Reading a named pipe would block.
    try: () => (statSync(path).isFile() ? readFileSync(path, "utf8") : ""),
    catch: (cause) => `names an sslrootcert that cannot be read: ${Predicate.isError(cause) ? cause.message : ""}`
  })
  return Result.flatMap(read, (text) => {
    const certificates = text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? []
    return certificates.length > 0 && certificates.every(isCertificate)
      ? Result.succeed(certificates)
      : Result.fail(`names an sslrootcert that is no file of PEM certificates: ${path}`)
  })
}

// Node would throw on an invalid certificate later, while connecting.
const isCertificate = (text: string): boolean =>
  Result.isSuccess(Result.try({ try: () => new X509Certificate(text), catch: () => "" }))

/** TLS options of the PostgreSQL client. It does not support `prefer`, see PostgresSocket.ts. */
export const connectionOptions = (tls: PostgresTls): false | ConnectionOptions => {
  switch (tls.mode) {
    case "disable":
    case "prefer":
      return false
    case "require":
      return { rejectUnauthorized: false }
    case "verify-ca":
      return { ...caOf(tls), checkServerIdentity: () => undefined }
    case "verify-full":
      return caOf(tls)
  }
}

const caOf = ({ ca }: { readonly ca: ReadonlyArray<string> | undefined }): ConnectionOptions =>
  ca === undefined ? {} : { ca: [...ca] }
