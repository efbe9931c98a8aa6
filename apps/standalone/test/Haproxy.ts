import * as Certificates from "@user-service/cache/testing/Certificates"
import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { createSocket, type Socket } from "node:dgram"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { request as requestHttp } from "node:http"
import { request as requestHttps } from "node:https"
import { join } from "node:path"
import { root } from "./ComposeModel.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const program = "/usr/sbin/haproxy"

export const isInstalled = spawnSync(program, ["-v"]).status === 0

/** A DNS server, as Docker has one for the names of services. */
export interface Dns {
  readonly port: number
  /** The IPv4 addresses that every name has from now on. */
  readonly set: (addresses: ReadonlyArray<string>) => void
}

// RFC 1035, section 4.1: the question returns in the answer, and 0xc00c points to its name.
const answerOf = (query: Buffer, addresses: ReadonlyArray<string>): Buffer => {
  let end = 12
  while (query[end] !== 0) end += (query[end] ?? 0) + 1
  const question = query.subarray(12, end + 5)
  const isForIpv4 = query.readUInt16BE(end + 1) === 1
  const found = isForIpv4 ? addresses : []
  const head = Buffer.from([0, 0, 0x81, 0x80, 0, 1, 0, found.length, 0, 0, 0, 0])
  query.copy(head, 0, 0, 2)
  const records = found.map((address) =>
    Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split(".").map(Number)])
  )
  return Buffer.concat([head, question, ...records])
}

/** Starts a DNS server on loopback. It stops when the scope closes. */
export const dns: Effect.Effect<Dns, never, Scope.Scope> = Effect.gen(function* () {
  let current: ReadonlyArray<string> = []
  const socket = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const created: Socket = createSocket("udp4")
      created.on("message", (query, from) => created.send(answerOf(query, current), from.port, from.address))
      created.bind(0, "127.0.0.1")
      await once(created, "listening")
      return created
    }),
    (opened) => Effect.sync(() => opened.close())
  )
  const set = (addresses: ReadonlyArray<string>) => {
    current = addresses
  }
  return { port: socket.address().port, set }
})

/** The proxy, and the ports on which it listens at 127.0.0.1. */
export interface Proxy {
  readonly http: number
  readonly https: number
  /** Sends SIGUSR1, by which the container is stopped, and waits for the exit. */
  readonly stop: Effect.Effect<number | null>
}

export interface ProxyOptions {
  /** The port of all instances of the API. */
  readonly apiPort: number
  /** The port of the DNS server that has their addresses. */
  readonly dnsPort: number
  /** Whether it also listens for HTTPS, with a certificate of its own. */
  readonly tls: boolean
}

/**
 * Starts HAProxy with infra/proxy/haproxy.cfg, changed in its addresses only, and waits until it is healthy. It is killed when the scope
 * closes.
 */
export const start = Effect.fnUntraced(function* ({ apiPort, dnsPort, tls }: ProxyOptions) {
  const folder = yield* Program.folder
  const [http, https, health] = yield* Effect.all([freePort, freePort, freePort])
  const changes = [
    ["nameserver docker 127.0.0.11:53", `nameserver docker 127.0.0.1:${dnsPort}`],
    ["bind :8080", `bind 127.0.0.1:${http}`],
    ["bind :8443", `bind 127.0.0.1:${https}`],
    ["bind 127.0.0.1:8404", `bind 127.0.0.1:${health}`],
    [" api:8000 ", ` api:${apiPort} `]
  ] as const
  const configuration = changes.reduce(
    (text, [from, to]) => {
      if (text.split(from).length !== 2) throw new Error(`infra/proxy/haproxy.cfg does not have "${from}" once`)
      return text.replace(from, to)
    },
    readFileSync(join(root, "infra/proxy/haproxy.cfg"), "utf8")
  )
  const { certificate, key } = yield* Certificates.make("DNS:localhost,IP:127.0.0.1")
  const [file, pem] = [join(folder, "haproxy.cfg"), join(folder, "tls.pem")]
  yield* Effect.promise(() => writeFile(file, configuration))
  yield* Effect.promise(() => writeFile(pem, readFileSync(certificate, "utf8") + readFileSync(key, "utf8")))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(program, ["-db", "-f", file], {
        env: tls ? { TLS_CERTIFICATE: pem } : {},
        stdio: ["ignore", "ignore", "pipe"]
      })
    ),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )
  let messages = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (messages += text))
  const exit = once(child, "exit").then(([code]): number | null => code)
  const stop = Effect.andThen(
    Effect.sync(() => child.kill("SIGUSR1")),
    Effect.promise(() => exit)
  )
  yield* waitUntil(
    "HAProxy answers its health check",
    Effect.suspend(() => {
      if (child.exitCode !== null) return Effect.die(`HAProxy ended with ${child.exitCode}: ${messages}`)
      return Effect.map(send({ port: health ?? 0, path: "/" }), ({ status }) => status === 200)
    })
  )
  return { http: http ?? 0, https: https ?? 0, stop } satisfies Proxy
})

/** A request to 127.0.0.1 that is sent as it is written: `fetch` would change the path. */
export interface RawRequest {
  readonly port: number
  readonly path: string
  readonly secure?: boolean
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** The loopback address of the client. */
  readonly from?: string
}

/** The answer, or its absence: status 0. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

/** Sends a request on a new connection. A connection that fails is an answer with status 0. */
export const send = ({
  body,
  from = "127.0.0.1",
  headers = {},
  method = "GET",
  path,
  port,
  secure = false
}: RawRequest) =>
  Effect.callback<RawAnswer>((resume) => {
    const options = {
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: false as const,
      localAddress: from,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers }
    }
    const sent = secure ? requestHttps({ ...options, rejectUnauthorized: false }) : requestHttp(options)
    const fail = (error: Error) => resume(Effect.succeed({ status: 0, headers: {}, text: error.message }))
    sent.on("error", fail)
    sent.on("response", (response) => {
      let text = ""
      response.on("error", fail)
      response.setEncoding("utf8").on("data", (part: string) => (text += part))
      response.on("end", () =>
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, text }))
      )
    })
    sent.end(body === undefined ? undefined : JSON.stringify(body))
    return Effect.sync(() => sent.destroy())
  })
