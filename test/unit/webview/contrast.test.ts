import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  contrast,
  graphicsContrast,
  type Rgb,
  rgbOf,
  standingOut,
} from '../../../webview/common/contrast.ts';

const channel = fc.integer({ min: 0, max: 255 });
const rgb = fc.tuple(channel, channel, channel);

test('contrast is that of WCAG 2.1', () => {
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
  assert.equal(contrast([9, 9, 9], [9, 9, 9]), 1);
  // The lightest grey that text on white may have (4.5) is #767676, as WebAIM and others list it.
  assert.ok(contrast([0x76, 0x76, 0x76], [255, 255, 255]) >= 4.5);
  assert.ok(contrast([0x77, 0x77, 0x77], [255, 255, 255]) < 4.5);
});

test('a series colour stands out from any background and stays as it is where it does', () => {
  const dark: Rgb = [0x1f, 0x1f, 0x1f];
  assert.deepEqual(standingOut(rgbOf('rgba(234, 92, 0, 0.33)')!, dark), [234, 92, 0]);
  fc.assert(
    fc.property(rgb, rgb, (colour, background) => {
      assert.ok(contrast(standingOut(colour, background), background) >= graphicsContrast);
    }),
  );
});

test('a computed colour is read; another notation is left alone', () => {
  assert.deepEqual(rgbOf('rgb(1, 2, 3)'), [1, 2, 3]);
  assert.equal(rgbOf('color(srgb 0.1 0.2 0.3)'), undefined);
});
