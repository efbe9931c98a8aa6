const units = ["B", "KiB", "MiB", "GiB"] as const

/** A size in bytes for readers, such as "412 B" and "1.5 MiB". */
export const sizeText = (bytes: number): string => {
  const power = Math.min(bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** power
  return `${value.toLocaleString("en-GB", { maximumFractionDigits: 1 })} ${units[power]}`
}
