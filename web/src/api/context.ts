import { createContext, useContext } from 'react'
import { Api } from './client'

/** The tab's connection, handed down by the shell. */
export const ApiContext = createContext<Api | null>(null)

/** The connection of the surrounding shell. */
export function useApi(): Api {
  const api = useContext(ApiContext)
  if (api === null) throw new Error('useApi needs an ApiContext above it')
  return api
}
