import { existsSync, globSync } from "node:fs"
import { connect } from "node:net"
import { delimiter, join } from "node:path"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  interface ProvidedContext {
    /** Where each engine answers; empty where it does not. */
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
  /** What a client says first, and how the engine's answer begins. */
  readonly hello: Buffer
  readonly answer: RegExp
}

const engines: ReadonlyArray<Engine> = [
  {
    name: "PostgreSQL",
    key: "databaseUrl",
    url: process.env["TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres",
    port: 5432,
    // SSLRequest: any server says S or N to it.
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
    // The broker opens with a method frame: connection.start.
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

/** Servers that tests start themselves, to set up, kill and freeze them; where a program is missing they are skipped. */
const programs = [
  { name: "postgres", isThere: () => globSync("/usr/lib/postgresql/*/bin/postgres").length > 0 || onPath("postgres") },
  { name: "pgbouncer", isThere: () => existsSync("/usr/sbin/pgbouncer") || onPath("pgbouncer") },
  { name: "redis-server", isThere: () => onPath("redis-server") },
  { name: "rabbitmq-server", isThere: () => onPath("rabbitmq-server") }
]

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)))

const yesOrNo = (parts: ReadonlyArray<{ readonly name: string; readonly isThere: boolean }>): string =>
  parts.map(({ isThere, name }) => `${name} ${isThere ? "yes" : "no"}`).join(", ")

/** Finds the engines that answer, says which, and hands their addresses to the tests. */
export default async function setup(project: TestProject): Promise<void> {
  // In a run of all packages the root project has looked already, and every other inherits what it found.
  if (!project.isRootProject()) return
  const found = await Promise.all(engines.map(async (engine) => ({ engine, up: await answers(engine) })))
  const engineStates = found.map(({ engine, up }) => ({ name: engine.name, isThere: up }))
  const programStates = programs.map(({ isThere, name }) => ({ name, isThere: isThere() }))
  console.log(`engines that answer: ${yesOrNo(engineStates)}`)
  console.log(`programs for tests that start an engine: ${yesOrNo(programStates)}`)
  const missing = engineStates.filter(({ isThere }) => !isThere).map(({ name }) => name)
  if (missing.length > 0 && process.env["REQUIRE_SERVICES"] === "1") {
    throw new Error(`REQUIRE_SERVICES=1, but ${missing.join(", ")} did not answer: docker compose up -d`)
  }
  for (const { engine, up } of found) project.provide(engine.key, up ? engine.url : "")
}
