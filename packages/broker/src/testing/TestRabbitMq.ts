import { Effect } from "effect"
import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { promisify } from "node:util"

/** Creates a virtual host in a shared RabbitMQ and returns its URL. It is deleted with the scope. */
export const freshVirtualHost = Effect.fnUntraced(function* (url: string) {
  const name = `test-${randomUUID()}`
  const administration = yield* Effect.promise(() => administrationOf(url))
  yield* Effect.acquireRelease(
    Effect.promise(() => administration.add(name)),
    () => Effect.promise(() => administration.remove(name))
  )
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
})

interface Administration {
  readonly add: (virtualHost: string) => Promise<void>
  readonly remove: (virtualHost: string) => Promise<void>
}

/** Uses the management API if it answers, otherwise `rabbitmqctl`, which needs root and a RabbitMQ on this machine. */
const administrationOf = async (url: string): Promise<Administration> => {
  const { hostname, password, username } = new URL(url)
  const user = decodeURIComponent(username)
  const authorization = `Basic ${Buffer.from(`${user}:${decodeURIComponent(password)}`).toString("base64")}`
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(`http://${hostname}:15672/api/${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`)
  }
  const answers = await call("GET", "whoami").then(
    () => true,
    () => false
  )
  if (answers) {
    return {
      add: async (name) => {
        await call("PUT", `vhosts/${name}`)
        await call("PUT", `permissions/${name}/${user}`, { configure: ".*", write: ".*", read: ".*" })
      },
      remove: (name) => call("DELETE", `vhosts/${name}`)
    }
  }
  const control = async (...command: ReadonlyArray<string>) => {
    await promisify(execFile)("rabbitmqctl", ["-q", ...command])
  }
  return {
    add: async (name) => {
      await control("add_vhost", name)
      await control("set_permissions", "-p", name, user, ".*", ".*", ".*")
    },
    remove: (name) => control("delete_vhost", name)
  }
}
