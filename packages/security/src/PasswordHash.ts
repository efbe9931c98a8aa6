import { hashSync, verifySync } from "@node-rs/bcrypt"
import { hash as digest, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto"

// Encodes, creates and checks password hashes in Django's format. Everything here blocks its thread. The hashing threads load this
// module, so it imports neither effect nor the workspace.

interface Bcrypt {
  readonly scheme: "bcrypt" | "bcrypt_sha256"
  readonly cost: number
  /** The output of bcrypt: `$2b$12$...`. */
  readonly encoded: string
}

interface Pbkdf2 {
  readonly scheme: "pbkdf2_sha256"
  readonly iterations: number
  readonly salt: string
  readonly key: Buffer
}

// A check beyond these limits would occupy a core for a minute or more. Such a hash can only be an attack.
const maxBcryptCost = 16
const minBcryptCost = 4
const maxIterations = 20_000_000

const bcryptPattern = /^(bcrypt|bcrypt_sha256)\$(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53})$/
const pbkdf2Pattern = /^pbkdf2_sha256\$(\d{1,8})\$([^$]+)\$([A-Za-z0-9+/]{43}=)$/

const parse = (stored: string): Bcrypt | Pbkdf2 | undefined => {
  const [, scheme, encoded, cost] = bcryptPattern.exec(stored) ?? []
  if (encoded !== undefined) {
    return Number(cost) < minBcryptCost || Number(cost) > maxBcryptCost
      ? undefined
      : { scheme: scheme === "bcrypt" ? "bcrypt" : "bcrypt_sha256", cost: Number(cost), encoded }
  }
  const [, iterations, salt, key] = pbkdf2Pattern.exec(stored) ?? []
  if (salt === undefined || key === undefined) return undefined
  return Number(iterations) < 1 || Number(iterations) > maxIterations
    ? undefined
    : { scheme: "pbkdf2_sha256", iterations: Number(iterations), salt, key: Buffer.from(key, "base64") }
}

/** Whether a password can match the hash: it is of a known scheme, well formed, and not too much work to check. */
export const isCheckable = (stored: string): boolean => parse(stored) !== undefined

// bcrypt reads only 72 bytes and stops at NUL. The hexadecimal digest is shorter, has no NUL, and depends on every byte.
const sha256Hex = (password: string): string => digest("sha256", password, "hex")

const isMatch = (password: string, hash: Bcrypt | Pbkdf2): boolean =>
  hash.scheme === "pbkdf2_sha256"
    ? timingSafeEqual(pbkdf2Sync(password, hash.salt, hash.iterations, 32, "sha256"), hash.key)
    : verifySync(hash.scheme === "bcrypt" ? password : sha256Hex(password), hash.encoded)

/** A new hash with a random salt: `bcrypt_sha256$$2b$<cost>$...`. */
export const hash = (password: string, cost: number): string =>
  `bcrypt_sha256$${hashSync(sha256Hex(password), { cost, version: "2b" })}`

/** The work of checking a hash. */
export interface HashWork {
  readonly kind: "bcrypt" | "pbkdf2"
  /** The iterations of PBKDF2, or two to the power of bcrypt's cost. The time is proportional to it. */
  readonly rounds: number
}

const bcryptWork = (cost: number): HashWork => ({ kind: "bcrypt", rounds: 2 ** cost })

const schemePattern = /^(?:bcrypt(?:_sha256)?\$\$2[aby]\$(\d\d)|pbkdf2_sha256\$(\d{1,8}))(?!\d)/

/**
 * The work of checking a hash, of which only the beginning is needed: `bcrypt$$2b$12`, `pbkdf2_sha256$600000`. For a malformed
 * hash it is the work of a new hash with `cost`.
 */
export const workOf = (stored: string, cost: number): HashWork => {
  const [, bcryptCost, iterations] = schemePattern.exec(stored) ?? []
  if (Number(iterations) > 0 && Number(iterations) <= maxIterations)
    return { kind: "pbkdf2", rounds: Number(iterations) }
  return bcryptWork(
    Number(bcryptCost) >= minBcryptCost && Number(bcryptCost) <= maxBcryptCost ? Number(bcryptCost) : cost
  )
}

/**
 * Whether one of `spellings` is the password of the hash `stored`. An unusable (`!...`) or malformed hash matches nothing, after as
 * much work as a hash with `cost`.
 */
export const verify = (spellings: ReadonlyArray<string>, stored: string, cost: number): boolean => {
  const against = parse(stored) ?? parse(decoy(bcryptWork(cost)))
  return against !== undefined && spellings.some((spelling) => isMatch(spelling, against))
}

/** Whether a hash has another scheme than new ones, or a lower cost than `cost`. */
export const needsRehash = (stored: string, cost: number): boolean => {
  const known = parse(stored)
  return known?.scheme !== "bcrypt_sha256" || known.cost < cost
}

// bcrypt's base 64 alphabet (OpenBSD, bcrypt.c).
const standardDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const randomDigits = (bytes: number): string =>
  randomBytes(bytes)
    .toString("base64")
    .replace(/=+$/, "")
    .replaceAll(/./g, (digit) => bcryptDigits.charAt(standardDigits.indexOf(digit)))

/**
 * A hash that needs this work to check and that no password matches. Its digest is random instead of computed, so it is cheap to
 * create.
 */
export const decoy = ({ kind, rounds }: HashWork): string => {
  if (kind === "pbkdf2") {
    return `pbkdf2_sha256$${rounds}$${randomBytes(11).toString("hex")}$${randomBytes(32).toString("base64")}`
  }
  const cost = String(Math.log2(rounds)).padStart(2, "0")
  return `bcrypt_sha256$$2b$${cost}$${randomDigits(16)}${randomDigits(23)}`
}

/** A decoy with the scheme of new hashes. */
export const decoyOfNewHash = (cost: number): string => decoy(bcryptWork(cost))

/** A quarter of the work, at least the minimum cost, for measurements. */
export const quarterOf = ({ kind, rounds }: HashWork): HashWork => ({
  kind,
  rounds: kind === "bcrypt" ? Math.max(rounds / 4, 2 ** minBcryptCost) : Math.ceil(rounds / 4)
})

/** A job for a hashing thread. A password to verify may have two spellings, see PasswordHasher. */
export type HashJob =
  | { readonly operation: "hash"; readonly password: string; readonly cost: number }
  | {
      readonly operation: "verify"
      readonly spellings: ReadonlyArray<string>
      readonly stored: string
      readonly cost: number
    }

export interface HashAnswer {
  /** The hash, or whether the password matches. */
  readonly value: string | boolean
  /** The duration of the work. */
  readonly milliseconds: number
}

/** Runs a job. Blocks the thread. */
export const perform = (job: HashJob): HashAnswer => {
  const start = performance.now()
  const value = job.operation === "hash" ? hash(job.password, job.cost) : verify(job.spellings, job.stored, job.cost)
  return { value, milliseconds: performance.now() - start }
}
