import { Predicate, Result } from "effect"
import { X509Certificate } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { type ConnectionOptions, getCACertificates } from "node:tls"

/**
 * Whether the connection is encrypted, and what of the server's certificate is checked: nothing (`prefer`, `require`), who
 * signed it (`verify-ca`), or that and the host it is for (`verify-full`). `prefer` does without encryption where the server
 * offers none.
 */
export type PostgresTls =
  | { readonly mode: "disable" | "prefer" | "require" }
  /** `ca`: the certificates it may be signed by; those that Node trusts when undefined. */
  | { readonly mode: "verify-ca" | "verify-full"; readonly ca: ReadonlyArray<string> | undefined }

/**
 * `sslmode` and `sslrootcert` as libpq takes them (PostgreSQL 17, section 32.19), but that without `sslmode` the connection is
 * not encrypted. A failure says what is wrong.
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
    // Opening a pipe would wait until somebody writes into it.
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

// What Node cannot read would be thrown out of the middle of a connection.
const isCertificate = (text: string): boolean =>
  Result.isSuccess(Result.try({ try: () => new X509Certificate(text), catch: () => "" }))

/** For the client's own negotiation of TLS; `prefer` is not among what it can do. */
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
