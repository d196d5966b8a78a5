export { attention, attentionBackward } from './attention';
export { adamW, copy, fill, sumOfSquares } from './elements';
export { multiplyTile, packPanels } from './matmul';
export {
  addPartialRows,
  crossEntropy,
  gatherRows,
  rmsNorm,
  rmsNormBackward,
  rotary,
  scatterAddRows,
  swiGlu,
  swiGluBackward,
} from './rows';
export { centreRows, softmaxGradientRows, softmaxRows } from './softmax';
