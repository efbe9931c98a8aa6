/** The release this code is. */
export const version = "0.1.0"
