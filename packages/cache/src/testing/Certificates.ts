import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import type { TlsFiles } from "./RedisServer.ts"

/** A self-signed certificate for `name`, such as `DNS:localhost`. Deleted with the scope. */
export const make = (name: string) =>
  Effect.acquireRelease(
    Effect.sync(() => create(name)),
    ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

const create = (name: string): TlsFiles & { readonly folder: string } => {
  const folder = mkdtempSync(join(tmpdir(), "certificate-"))
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")]
  const request = ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", `subjectAltName=${name}`]
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", key]
  execFileSync("openssl", request.concat(newKey, "-out", certificate), { stdio: "ignore" })
  return { folder, key, certificate, authority: certificate }
}

/** Trusts the authority until the scope closes, as `NODE_EXTRA_CA_CERTS` does at the start of a process. */
export const trust = (file: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = getCACertificates("default")
      setDefaultCACertificates([...before, readFileSync(file, "utf8")])
      return before
    }),
    (before) => Effect.sync(() => setDefaultCACertificates(before))
  )
