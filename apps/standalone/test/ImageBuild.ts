import {
  Copy,
  DockerfileParser,
  Env,
  From,
  Healthcheck,
  type Instruction,
  JSONInstruction,
  Run,
  Workdir
} from "dockerfile-ast"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { chmod, cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises"
import { homedir, tmpdir } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import process from "node:process"
import { contextOf } from "./DockerContext.ts"

const root = join(import.meta.dirname, "../../..")

/** A stage of the Dockerfile after its steps: its file system in a folder, and the configuration of its image. */
export interface Stage {
  /** The folder that stands for `/`. */
  readonly folder: string
  /** The files of the base image. */
  readonly base: ReadonlyArray<string>
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly entrypoint: ReadonlyArray<string>
  readonly command: ReadonlyArray<string>
  readonly healthcheck: ReadonlyArray<string>
  readonly stopSignal: string
  readonly ports: ReadonlyArray<string>
}

/** The stages of the Dockerfile with their instructions. */
export const stagesOf = (path: string) => {
  const dockerfile = DockerfileParser.parse(readFileSync(path, "utf8"))
  const variables = new Map(
    dockerfile.getInitialARGs().map((arg) => [arg.getProperty()?.getName(), arg.getProperty()?.getValue() ?? ""])
  )
  const stages = new Map<string, { readonly from: string; readonly steps: Array<Instruction> }>()
  let steps: Array<Instruction> = []
  for (const instruction of dockerfile.getInstructions()) {
    if (instruction instanceof From) {
      steps = []
      const from = (instruction.getImage() ?? "").replaceAll(/\$\{(\w+)\}/g, (_, name) => variables.get(name) ?? "")
      stages.set(instruction.getBuildStage() ?? "", { from, steps })
    } else steps.push(instruction)
  }
  return stages
}

// What the steps use of the base image: Node and npx, here those of this machine. npx looks for its configuration next to its Node.
const baseImage = async (folder: string): Promise<Stage> => {
  const bin = join(folder, "usr/local/bin")
  await mkdir(bin, { recursive: true })
  await cp(process.execPath, join(bin, "node"))
  writeFileSync(join(bin, "npx"), `#!/bin/sh\nPATH='${systemPath}' exec npx "$@"\n`, { mode: 0o755 })
  return {
    folder,
    base: ["usr/local/bin/node", "usr/local/bin/npx"],
    workdir: "/",
    env: {},
    user: "root",
    entrypoint: [],
    command: [],
    healthcheck: [],
    stopSignal: "SIGTERM",
    ports: []
  }
}

const systemPath = (process.env["PATH"] ?? "")
  .split(":")
  .filter((folder) => !folder.includes("node_modules"))
  .join(":")

/** The PATH of a stage: its own programs first. The rest, such as `sh`, are those of this machine. */
export const pathIn = ({ folder }: Stage): string => `${join(folder, "usr/local/bin")}:${systemPath}`

const strings = (instruction: JSONInstruction): ReadonlyArray<string> =>
  instruction.getJSONStrings().map((argument) => argument.getJSONValue())

// The folder of a path in a stage, which is relative to its working directory.
const inStage = ({ folder, workdir }: Stage, path: string): string => join(folder, resolve(workdir, path))

// Copies a folder by hard links. No step changes a file of its parent stage; it only removes and adds files.
const link = async (from: string, to: string): Promise<void> => {
  const [code] = await once(spawn("cp", ["-al", from, to], { stdio: "ignore" }), "close")
  if (code !== 0) throw new Error(`cp ${from} ${to} ended with ${code}`)
}

const copy = async (from: string, to: string, toFolder: boolean): Promise<void> => {
  const target = statSync(from).isDirectory() || !toFolder ? to : join(to, basename(from))
  await mkdir(dirname(target), { recursive: true })
  await cp(from, target, { recursive: true })
}

// A cache mount keeps its content between builds. This one holds packages, so it is the one where pnpm keeps those of this machine.
const packageCache = join(homedir(), ".local/share/pnpm/store")

const run = async (stage: Stage, instruction: Run): Promise<void> => {
  for (const flag of instruction.getFlags()) {
    const target = flag.getOption("target")?.getValue()
    if (flag.getName() !== "mount" || target === undefined || target === null)
      throw new Error(`RUN --${flag.getName()}`)
    await mkdir(packageCache, { recursive: true })
    await symlink(packageCache, inStage(stage, target))
  }
  const command = (instruction.getArgumentsContent() ?? "").replace(/^(?:\s*--mount=\S+)*/, "")
  // It would name a file of this machine instead of one of the stage.
  if (/(?:^|[\s"'=])\//.test(command)) throw new Error(`RUN names an absolute path: ${command}`)
  const child = spawn("/bin/sh", ["-c", `umask 022; ${command}`], {
    cwd: inStage(stage, "."),
    env: { HOME: join(stage.folder, "root"), PATH: pathIn(stage), ...stage.env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)))
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`RUN ${command} ended with ${code}:\n${output}`)
}

/** Executes the steps of a Dockerfile as `docker build` does, with a folder for each stage. */
export const builder = Effect.fnUntraced(function* (dockerfile: string) {
  const stages = stagesOf(dockerfile)
  const work = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = await mkdtemp(join(tmpdir(), "image-"))
      await chmod(folder, 0o755)
      return folder
    }),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )
  const base = yield* Effect.promise(() => baseImage(join(work, ".base")))
  const built = new Map<string, Promise<Stage>>()

  const execute = async (stage: Stage, instruction: Instruction): Promise<Stage> => {
    const words = instruction.getArguments().map((argument) => argument.getValue())
    const first = words[0] ?? ""
    if (instruction instanceof Run) {
      await run(stage, instruction)
      return stage
    }
    if (instruction instanceof Copy) {
      const from = instruction.getFromFlag()?.getValue()
      const target = words.at(-1) ?? ""
      const toFolder = target.endsWith("/") || words.length > 2
      for (const source of words.slice(0, -1)) {
        if (from === undefined || from === null) await copyContext(source, inStage(stage, target))
        else await copy(join((await build(from)).folder, source), inStage(stage, target), toFolder)
      }
      return stage
    }
    if (instruction instanceof Workdir) {
      const workdir = resolve(stage.workdir, first)
      await mkdir(join(stage.folder, workdir), { recursive: true })
      return { ...stage, workdir }
    }
    if (instruction instanceof Env) {
      const set = instruction.getProperties().map((property) => [property.getName(), property.getValue() ?? ""])
      return { ...stage, env: { ...stage.env, ...Object.fromEntries(set) } }
    }
    if (instruction instanceof Healthcheck) {
      return { ...stage, healthcheck: JSON.parse(/CMD (.*)$/.exec(instruction.getArgumentsContent() ?? "")?.[1] ?? "") }
    }
    if (instruction instanceof JSONInstruction) {
      if (instruction.getKeyword() === "ENTRYPOINT") return { ...stage, entrypoint: strings(instruction), command: [] }
      if (instruction.getKeyword() === "CMD") return { ...stage, command: strings(instruction) }
    }
    if (instruction.getKeyword() === "USER") return { ...stage, user: first }
    if (instruction.getKeyword() === "STOPSIGNAL") return { ...stage, stopSignal: first }
    if (instruction.getKeyword() === "EXPOSE") return { ...stage, ports: [...stage.ports, ...words] }
    throw new Error(`This instruction is not known here: ${instruction.toString()}`)
  }

  const copyContext = async (source: string, target: string): Promise<void> => {
    if (source !== ".") throw new Error(`COPY ${source}`)
    for (const path of contextOf(root)) await copy(join(root, path), join(target, path), false)
  }

  const make = async (name: string): Promise<Stage> => {
    const stage = stages.get(name)
    if (stage === undefined) throw new Error(`There is no stage ${name}`)
    const folder = join(work, name)
    const parent = stages.has(stage.from) ? await build(stage.from) : base
    await link(parent.folder, folder)
    let result: Stage = { ...parent, folder }
    for (const step of stage.steps) result = await execute(result, step)
    return result
  }

  const build = (name: string): Promise<Stage> => {
    const known = built.get(name)
    if (known !== undefined) return known
    const stage = make(name)
    built.set(name, stage)
    return stage
  }

  return { stages: [...stages.keys()], build: (name: string) => Effect.promise(() => build(name)) }
})
