export { chartNames, type ChartName } from './named.ts'
export { chartFormats, renderChart, type ChartFormat } from './render.ts'
export { svgStyle } from './svg-style.ts'
