import { existsSync, globSync } from "node:fs"
import { connect } from "node:net"
import { delimiter, join } from "node:path"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  interface ProvidedContext {
    /** The URLs of the engines; empty if an engine does not answer. */
    readonly databaseUrl: string
    readonly redisUrl: string
    readonly rabbitmqUrl: string
  }
}

interface Engine {
  readonly name: string
  readonly key: "databaseUrl" | "redisUrl" | "rabbitmqUrl"
  readonly url: string
  readonly port: number
  /** The first bytes that a client sends, and the beginning of the engine's answer. */
  readonly hello: Buffer
  readonly answer: RegExp
}

const engines: ReadonlyArray<Engine> = [
  {
    name: "PostgreSQL",
    key: "databaseUrl",
    url: process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres",
    port: 5432,
    // SSLRequest, which every server answers with S or N.
    hello: Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
    answer: /^[SN]/
  },
  {
    name: "Redis",
    key: "redisUrl",
    url: process.env["TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379",
    port: 6379,
    hello: Buffer.from("PING\r\n"),
    answer: /^[+-]/
  },
  {
    name: "RabbitMQ",
    key: "rabbitmqUrl",
    url: process.env["TEST_RABBITMQ_URL"] ?? "amqp://guest:guest@127.0.0.1:5672",
    port: 5672,
    hello: Buffer.from("AMQP\0\0\t\u0001", "latin1"),
    // The first frame of the broker is a method frame, connection.start.
    answer: /^\u0001/
  }
]

const answers = (engine: Engine): Promise<boolean> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(engine.url)
    const socket = connect({ host: hostname, port: Number(port === "" ? engine.port : port), timeout: 2000 })
    const settle = (answered: boolean) => {
      socket.destroy()
      resolve(answered)
    }
    socket.once("connect", () => socket.write(engine.hello))
    socket.once("data", (data) => settle(engine.answer.test(data.toString("latin1"))))
    socket.once("error", () => settle(false))
    socket.once("timeout", () => settle(false))
    socket.once("close", () => settle(false))
  })

/** The servers that tests start themselves, to configure, kill and freeze them. Tests are skipped if their program is missing. */
const programs = [
  { name: "postgres", isThere: () => globSync("/usr/lib/postgresql/*/bin/postgres").length > 0 || onPath("postgres") },
  { name: "pgbouncer", isThere: () => existsSync("/usr/sbin/pgbouncer") || onPath("pgbouncer") },
  { name: "haproxy", isThere: () => existsSync("/usr/sbin/haproxy") },
  { name: "nginx", isThere: () => existsSync("/usr/sbin/nginx") },
  { name: "logrotate", isThere: () => existsSync("/usr/sbin/logrotate") },
  { name: "systemd-analyze", isThere: () => onPath("systemd-analyze") },
  { name: "prometheus", isThere: () => onPath("prometheus") && onPath("promtool") },
  { name: "redis-server", isThere: () => onPath("redis-server") },
  { name: "rabbitmq-server", isThere: () => onPath("rabbitmq-server") }
]

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)))

const yesOrNo = (parts: ReadonlyArray<{ readonly name: string; readonly isThere: boolean }>): string =>
  parts.map(({ isThere, name }) => `${name} ${isThere ? "yes" : "no"}`).join(", ")

/** Detects the engines that answer, prints them, and provides their URLs to the tests. */
export default async function setup(project: TestProject): Promise<void> {
  // In a run of all packages, the root project detects the engines and the other projects inherit the result.
  if (!project.isRootProject()) return
  const found = await Promise.all(engines.map(async (engine) => ({ engine, up: await answers(engine) })))
  const engineStates = found.map(({ engine, up }) => ({ name: engine.name, isThere: up }))
  const programStates = programs.map(({ isThere, name }) => ({ name, isThere: isThere() }))
  console.log(`engines that answer: ${yesOrNo(engineStates)}`)
  console.log(`programs for tests that start an engine: ${yesOrNo(programStates)}`)
  const missing = engineStates.filter(({ isThere }) => !isThere).map(({ name }) => name)
  if (missing.length > 0 && process.env["REQUIRE_SERVICES"] === "1") {
    throw new Error(
      `REQUIRE_SERVICES=1, but ${missing.join(", ")} did not answer: docker compose --profile engines up -d`
    )
  }
  for (const { engine, up } of found) project.provide(engine.key, up ? engine.url : "")
}
