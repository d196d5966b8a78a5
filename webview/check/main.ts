import '../common/base.css';
import './check.css';
import { CheckPage } from './page.ts';

new CheckPage(document.getElementById('page') ?? document.body);
