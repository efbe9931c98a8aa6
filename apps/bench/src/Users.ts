import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { type Answer, type Connection, open, requestBytes } from "./load/Connection.ts"

/** A registered user and the tokens of a session. */
export interface BenchUser {
  readonly id: string
  readonly email: string
  readonly access: string
  readonly refresh: string
}

export const password = "correct horse battery staple"

/** The JSON of an answer's `data`. */
export const dataOf = (answer: Answer) => JSON.parse(answer.body.toString()).data

const register = async (connection: Connection): Promise<BenchUser> => {
  const email = `bench-${randomUUID()}@example.com`
  const answer = await connection.send(requestBytes("POST", "/api/v1/users/register/", { body: { email, password } }))
  if (answer.status !== 201) throw new Error(`Registration answered ${answer.status}: ${answer.body.toString()}`)
  const { id, tokens } = dataOf(answer)
  return { id, email, access: tokens.access, refresh: tokens.refresh }
}

/** Registers users over two connections, since the machine hashes on two cores. */
export const registerUsers = (url: URL, count: number): Effect.Effect<ReadonlyArray<BenchUser>> =>
  Effect.promise(async () => {
    const connections = await Promise.all([open(url), open(url)])
    const users: Array<BenchUser> = []
    await Promise.all(
      connections.map(async (connection, index) => {
        for (let made = index; made < count; made += connections.length) users.push(await register(connection))
        connection.close()
      })
    )
    return users
  })
