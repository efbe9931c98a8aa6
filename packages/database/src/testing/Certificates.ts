import { Context, Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A certificate authority, and a server certificate signed by it for `localhost` and 127.0.0.1. Deleted with the scope. */
export class Certificates extends Context.Service<
  Certificates,
  {
    /** The authority's certificate. */
    readonly ca: string
    readonly caFile: string
    /** The certificate of another authority, which did not sign the server certificate. */
    readonly otherCaFile: string
    readonly certificateFile: string
    readonly keyFile: string
  }
>()("@user-service/database/testing/Certificates") {
  static readonly layer = Layer.effect(
    Certificates,
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "certificates-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
      )
      const file = (name: string) => join(folder, name)
      yield* Effect.sync(() => {
        authority(file("ca"))
        authority(file("other"))
        openssl(...request, "-subj", "/CN=localhost", "-keyout", file("server.key"), "-out", file("server.csr"))
        const extensions = ["-copy_extensions", "copy"]
        const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"]
        openssl("x509", "-req", "-in", file("server.csr"), ...signer, ...extensions, "-out", file("server.pem"))
        // PostgreSQL runs as another user if the tests run as root.
        chmodSync(folder, 0o755)
      })
      return {
        ca: readFileSync(file("ca.pem"), "utf8").trim(),
        caFile: file("ca.pem"),
        otherCaFile: file("other.pem"),
        certificateFile: file("server.pem"),
        keyFile: file("server.key")
      }
    })
  )
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]

const request = ["req", "-new", ...newKey, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]

const authority = (path: string): void =>
  openssl("req", "-x509", ...newKey, "-subj", "/CN=Test CA", "-keyout", `${path}.key`, "-out", `${path}.pem`)

const openssl = (...parameters: ReadonlyArray<string>): void => {
  execFileSync("openssl", [...parameters], { stdio: ["ignore", "ignore", "pipe"] })
}
